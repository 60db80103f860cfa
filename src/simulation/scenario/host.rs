//! One simulated machine as a scenario describes it.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

use crate::fleet::HostName;

/// One machine.
#[derive(Clone, Debug, PartialEq)]
pub struct HostPlan {
    /// Its name.
    pub name: HostName,
    /// Memory, bytes.
    pub memory: u64,
    /// Memory that the system itself uses, bytes; containers come on top.
    pub memory_used: u64,
    /// Swap, bytes.
    pub swap: u64,
    /// Processors.
    pub cores: u32,
    /// Size of its one disk, bytes.
    pub disk: u64,
    /// What the system itself takes of it, bytes; volumes and files of containers come on top.
    pub disk_used: u64,
    /// Its processors' architecture.
    pub architecture: Architecture,
    /// What `uname -r` says.
    pub kernel: String,
    /// What /etc/os-release calls the system (`PRETTY_NAME`).
    pub distribution: String,
    /// The CRIU installed, if one is.
    pub criu: Option<Version>,
    /// The Podman installed, if one is.
    pub podman: Option<Version>,
    /// The Docker installed, if one is.
    pub docker: Option<Version>,
    /// The runC installed, if one is.
    pub runc: Option<Version>,
    /// The OCI runtime with which its engine makes containers.
    pub runtime: Runtime,
    /// The version of its control groups.
    pub cgroup: CgroupVersion,
    /// The `flags` (on ARM `Features`) of /proc/cpuinfo, in order.
    pub cpu_flags: Vec<String>,
    /// The `model name` of /proc/cpuinfo.
    pub cpu_model: String,
    /// How far its clock is ahead of the right time; negative when it is behind.
    pub clock_skew: SignedDuration,
    /// How long it has been up when the world begins.
    pub boot: Duration,
}

impl HostPlan {
    /// Whether it has an engine.
    pub fn has(&self, engine: super::Engine) -> bool {
        match engine {
            super::Engine::Podman => self.podman.is_some(),
            super::Engine::Docker => self.docker.is_some(),
            super::Engine::Runc => self.runc.is_some(),
        }
    }
}

/// What processors understand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86.
    #[default]
    X86_64,
    /// 64-bit ARM.
    Aarch64,
}

impl Architecture {
    /// What `uname -m` says.
    pub fn word(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// The model of a usual server.
    pub(super) fn usual_model(self) -> &'static str {
        match self {
            Self::X86_64 => "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz",
            Self::Aarch64 => "Neoverse-N1",
        }
    }

    /// The flags of a usual server: a Cascade Lake as a KVM guest sees it, an Ampere Altra.
    pub(super) fn usual_flags(self) -> &'static str {
        match self {
            Self::X86_64 => {
                "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ss \
                 syscall nx pdpe1gb rdtscp lm constant_tsc arch_perfmon rep_good nopl xtopology cpuid \
                 tsc_known_freq pni pclmulqdq ssse3 fma cx16 pcid sse4_1 sse4_2 x2apic movbe popcnt \
                 tsc_deadline_timer aes xsave avx f16c rdrand hypervisor lahf_lm abm 3dnowprefetch ssbd ibrs ibpb \
                 stibp ibrs_enhanced fsgsbase tsc_adjust bmi1 avx2 smep bmi2 erms invpcid avx512f avx512dq rdseed \
                 adx smap clflushopt clwb avx512cd avx512bw avx512vl xsaveopt xsavec xgetbv1 xsaves arat umip pku \
                 ospke avx512_vnni md_clear arch_capabilities"
            }
            Self::Aarch64 => {
                "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop \
                 asimddp ssbs"
            }
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.word())
    }
}

/// The version of a program: it begins with a digit and has letters, digits, `.`, `+`, `-`, `~` only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(String);

impl Version {
    /// Checks a text and takes it as a version.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '~');
        let good =
            text.starts_with(|c: char| c.is_ascii_digit()) && text.len() <= 40 && text.chars().all(allowed);
        good.then_some(Self(text))
    }

    /// Its leading numbers, for comparison: 4, 1, 1 for “4.1.1”, 3, 17 for “3.17-2+deb12”.
    pub fn numbers(&self) -> Vec<u32> {
        let end = self.0.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.0.len());
        self.0[..end].split('.').map_while(|number| number.parse().ok()).collect()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// The program that makes containers for an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runtime {
    /// crun, Podman's usual one.
    #[default]
    Crun,
    /// runC.
    Runc,
}

impl Runtime {
    /// Its name, as `podman inspect` gives it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Crun => "crun",
            Self::Runc => "runc",
        }
    }
}

/// How a host's control groups are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CgroupVersion {
    /// One tree for every controller.
    One,
    /// One tree for all.
    #[default]
    Two,
}

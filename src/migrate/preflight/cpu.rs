//! Whether programs find at the destination the instructions that they found at the source.

use std::collections::BTreeSet;

use crate::migrate::probe::HostFacts;

/// x86: what programs ask for and use without asking again. The other flags tell of the kernel, of virtual machines and
/// of countermeasures. Left out on purpose: erms, which only makes a copy faster and which alone differs between many
/// hosts that fit each other.
const INSTRUCTIONS: &str = "cx8 cmov mmx fxsr sse sse2 pni pclmulqdq ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt aes xsave \
    avx f16c rdrand lahf_lm abm sse4a misalignsse 3dnow 3dnowext 3dnowprefetch xop fma4 tbm fsgsbase bmi1 hle avx2 bmi2 rtm \
    avx512f avx512dq rdseed adx avx512ifma clflushopt clwb avx512pf avx512er avx512cd sha_ni avx512bw avx512vl xsaveopt \
    xsavec xgetbv1 xsaves avx_vnni avx512_bf16 clzero wbnoinvd avx512vbmi pku ospke waitpkg avx512_vbmi2 gfni vaes \
    vpclmulqdq avx512_vnni avx512_bitalg avx512_vpopcntdq rdpid cldemote movdiri movdir64b enqcmd serialize \
    avx512_4vnniw avx512_4fmaps avx512_vp2intersect amx_bf16 avx512_fp16 amx_tile amx_int8 rdtscp sm3 sm4 sha512 avx_ifma \
    cmpccxadd user_shstk";

/// What the source's processors can do and the destination's cannot.
pub(super) struct Lacking {
    /// What programs may use.
    pub used: BTreeSet<String>,
    /// The rest.
    pub harmless: BTreeSet<String>,
}

/// Compares two hosts; none where one of them did not tell.
pub(super) fn lacking(source: &HostFacts, destination: &HostFacts) -> Option<Lacking> {
    if source.cpu_flags.is_empty() || destination.cpu_flags.is_empty() {
        return None;
    }
    let x86 = matches!(source.architecture.as_str(), "x86_64" | "i686" | "i386");
    let instructions: BTreeSet<&str> = INSTRUCTIONS.split_whitespace().collect();
    let missing = source.cpu_flags.difference(&destination.cpu_flags).cloned();
    let (used, harmless) = missing.partition(|flag| !x86 || instructions.contains(flag.as_str()));
    Some(Lacking { used, harmless })
}

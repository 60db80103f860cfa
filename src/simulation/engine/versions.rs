//! Programs beneath the engines of which only their versions are ever asked.

use crate::simulation::machine::process::{Process, Ran};

/// What `crun --version` says; `podman info` repeats it.
pub const CRUN: &str = "crun version 1.21
commit: 10269840aa07fb7e6b7e1acff6198692d8ff5c88
rundir: /run/crun
spec: 1.0.0
+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF +CRIU +WASM:wasmedge +YAJL";

/// What `conmon --version` says.
const CONMON: &str = "conmon version 2.1.12\ncommit: unknown\n";

/// `crun`
pub async fn crun(process: &mut Process, words: &[String]) -> Ran {
    match words.get(1).map(String::as_str) {
        Some("--version" | "-v") => {
            process.out(format!("{CRUN}\n")).await?;
            Ok(0)
        }
        // `crun checkpoint --help` is how one learns whether it can.
        Some("checkpoint" | "restore") if words.iter().any(|word| word == "--help") => {
            process.out("Usage: crun [OPTION...] checkpoint CONTAINER\n").await?;
            Ok(0)
        }
        Some(word) => {
            process.complain(format!("unknown command {word}")).await;
            Ok(1)
        }
        None => {
            process.complain("please specify a command").await;
            Ok(1)
        }
    }
}

/// `conmon`
pub async fn conmon(process: &mut Process, words: &[String]) -> Ran {
    if words.get(1).is_some_and(|word| word == "--version") {
        process.out(CONMON).await?;
        return Ok(0);
    }
    process.complain("conmon: Container ID not provided. Use --cid").await;
    Ok(1)
}

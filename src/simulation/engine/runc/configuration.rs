//! The files by which CRIU is told what no command line says.

use crate::simulation::engine::criu::Allowed;
use crate::simulation::engine::disk;
use crate::simulation::machine::Machine;

/// CRIU's own file, and the one that runC names to it.
const FILES: [&str; 2] = ["/etc/criu/default.conf", "/etc/criu/runc.conf"];

/// What the files of a host allow. Docker and runC read both.
pub fn configured(machine: &Machine) -> Allowed {
    let mut allowed = Allowed::default();
    for content in FILES.iter().filter_map(|path| disk::read(machine, path)) {
        for line in String::from_utf8_lossy(&content.whole()).lines() {
            match line.split('#').next().unwrap_or_default().trim() {
                "tcp-established" => allowed.tcp_established = true,
                "file-locks" => allowed.file_locks = true,
                _ => {}
            }
        }
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::machine::machine_for_tests;

    #[tokio::test]
    async fn both_files_count_and_remarks_do_not() {
        let machine = machine_for_tests();
        assert_eq!(configured(&machine), Allowed::default());
        disk::put(&machine, "/etc/criu/default.conf", "# file-locks\ntcp-established # all\n", 0o644)
            .unwrap();
        assert_eq!(configured(&machine), Allowed { tcp_established: true, file_locks: false });
        disk::put(&machine, "/etc/criu/runc.conf", "file-locks\n", 0o644).unwrap();
        assert_eq!(configured(&machine), Allowed { tcp_established: true, file_locks: true });
    }
}

//! The programs of /usr/bin on a simulated host: what coreutils, findutils, tar, grep, sed, awk, curl and their like do.
//!
//! In come a process and the words it was called with; out go bytes on its descriptors, changes of its host's files
//! and an exit code. Messages and codes are GNU's, since scripts and people read them. The programs see nothing but
//! the simulated host: neither the files, the environment nor the clock of the machine that drover runs on.

mod awk;
mod call;
mod change;
mod codec;
mod columns;
mod compress;
mod condition;
mod copy;
mod count;
mod curl;
mod disk;
mod echo;
mod encode;
mod ends;
mod find;
mod glob;
mod grep;
mod lines;
mod ls;
mod make;
mod mount;
mod network;
mod pairs;
mod path;
mod pattern;
mod ps;
mod remove;
mod rename;
mod sed;
mod show;
mod sort;
mod stat;
mod status;
mod stream;
mod sums;
mod system;
mod tar;
mod time;
mod wrap;
mod xargs;

#[cfg(test)]
mod tests;

use super::machine::programs::Program;

/// Makes entries of [`PROGRAMS`] from the functions of this room.
macro_rules! programs {
    ($($name:literal => $room:ident::$function:ident,)*) => {
        &[$(($name, |process, words| {
            Box::pin(async move {
                if let Some(version) = status::version(words) {
                    process.out(version).await?;
                    return Ok(0);
                }
                let outcome = $room::$function(process, words).await;
                call::settle(process, words, outcome).await
            })
        })),*]
    };
}

/// Its programs by name.
pub const PROGRAMS: &[(&str, Program)] = programs! {
    "[" => condition::test,
    "awk" => awk::awk,
    "base64" => encode::base64,
    "mawk" => awk::awk,
    "basename" => path::basename,
    "cat" => stream::cat,
    "chgrp" => change::chgrp,
    "chmod" => change::chmod,
    "chown" => change::chown,
    "clear" => echo::clear,
    "cmp" => pairs::cmp,
    "comm" => pairs::comm,
    "cp" => copy::cp,
    "curl" => curl::curl,
    "cut" => columns::cut,
    "date" => time::date,
    "df" => disk::df,
    "dirname" => path::dirname,
    "du" => disk::du,
    "echo" => echo::echo,
    "egrep" => grep::grep,
    "env" => wrap::env,
    "false" => echo::no,
    "fgrep" => grep::grep,
    "find" => find::find,
    "free" => status::free,
    "grep" => grep::grep,
    "gunzip" => compress::gzip,
    "gzip" => compress::gzip,
    "head" => ends::head,
    "hexdump" => encode::hexdump,
    "hostname" => system::hostname,
    "id" => system::id,
    "ip" => network::ip,
    "kill" => system::kill,
    "ln" => copy::ln,
    "ls" => ls::ls,
    "mkdir" => make::mkdir,
    "mkfifo" => make::mkfifo,
    "mktemp" => make::mktemp,
    "mount" => mount::mount,
    "mountpoint" => mount::mountpoint,
    "mv" => rename::mv,
    "nice" => wrap::nice,
    "nohup" => wrap::nohup,
    "nproc" => status::nproc,
    "od" => encode::od,
    "printenv" => wrap::printenv,
    "printf" => echo::printf,
    "ps" => ps::ps,
    "pwd" => system::pwd,
    "readlink" => path::readlink,
    "realpath" => path::realpath,
    "rm" => remove::rm,
    "rmdir" => remove::rmdir,
    "sed" => sed::sed,
    "seq" => echo::seq,
    "setsid" => wrap::setsid,
    "sha256sum" => sums::sum,
    "sleep" => time::sleep,
    "sort" => sort::sort,
    "ss" => network::ss,
    "stat" => stat::stat,
    "sudo" => wrap::sudo,
    "sync" => echo::yes_indeed,
    "tac" => count::tac,
    "tail" => ends::tail,
    "tar" => tar::tar,
    "tee" => stream::tee,
    "test" => condition::test,
    "timeout" => wrap::timeout,
    "touch" => make::touch,
    "tr" => columns::tr,
    "true" => echo::yes_indeed,
    "truncate" => make::truncate,
    "umount" => mount::umount,
    "uname" => system::uname,
    "lscpu" => status::lscpu,
    "uniq" => columns::uniq,
    "unshare" => mount::unshare,
    "uptime" => status::uptime,
    "wc" => count::wc,
    "which" => system::which,
    "whoami" => system::whoami,
    "xargs" => xargs::xargs,
    "yes" => echo::yes,
    "zcat" => compress::gzip,
    "zstd" => compress::zstd,
    "zstdcat" => compress::zstd,
    "unzstd" => compress::zstd,
};

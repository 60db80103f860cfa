//! Why a system call of a simulated host failed.

use std::fmt;

/// The errors that the simulated kernel gives, with glibc's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// ENOENT
    NotFound,
    /// EEXIST
    Exists,
    /// ENOTDIR
    NotADirectory,
    /// EISDIR
    IsADirectory,
    /// ENOTEMPTY
    NotEmpty,
    /// EACCES
    Denied,
    /// EPERM
    NotPermitted,
    /// EPIPE
    BrokenPipe,
    /// ENOSPC
    NoSpace,
    /// EINVAL
    Invalid,
    /// EROFS
    ReadOnly,
    /// EBADF
    BadDescriptor,
    /// ELOOP
    Loop,
    /// EBUSY
    Busy,
    /// ENXIO
    NoDevice,
    /// ESRCH
    NoProcess,
    /// EIO
    Broken,
}

impl fmt::Display for Errno {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotFound => "No such file or directory",
            Self::Exists => "File exists",
            Self::NotADirectory => "Not a directory",
            Self::IsADirectory => "Is a directory",
            Self::NotEmpty => "Directory not empty",
            Self::Denied => "Permission denied",
            Self::NotPermitted => "Operation not permitted",
            Self::BrokenPipe => "Broken pipe",
            Self::NoSpace => "No space left on device",
            Self::Invalid => "Invalid argument",
            Self::ReadOnly => "Read-only file system",
            Self::BadDescriptor => "Bad file descriptor",
            Self::Loop => "Too many levels of symbolic links",
            Self::Busy => "Device or resource busy",
            Self::NoDevice => "No such device or address",
            Self::NoProcess => "No such process",
            Self::Broken => "Input/output error",
        })
    }
}

impl std::error::Error for Errno {}

//! Un pseudoterminal (pty(7)): un lado para el programa, el otro para quien teclea y mira.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};

#[derive(Debug)]
pub(super) struct Terminal {
    master: OwnedFd,
    program_path: String,
}

impl Terminal {
    pub(super) fn open() -> io::Result<Self> {
        // O_CLOEXEC: otro programa que heredara un lado impediría ver el final de este.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        Ok(Self { program_path: ptsname_r(&master)?, master: master.as_fd().try_clone_to_owned()? })
    }

    pub(super) fn program_side(&self) -> io::Result<Stdio> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(&self.program_path)?;
        Ok(file.into())
    }

    pub(super) fn our_side(&self) -> io::Result<File> {
        Ok(self.master.try_clone()?.into())
    }
}

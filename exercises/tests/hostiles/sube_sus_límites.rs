//! Se sube los límites, y crea otro espacio de nombres donde ser root.
//!
//! Merece: falla, 0 puntos.
//! Dice: dice: ""

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let try_it = "prlimit --nproc=unlimited --pid $$; ulimit -v unlimited && echo pude;
        unshare -Ur sh -c 'mount -t tmpfs x /usr && echo pude'; mount -o remount,rw / && echo pude;
        setpriv --reuid=0 true && echo pude; chroot / true && echo pude";
    let output = std::process::Command::new("sh").args(["-c", try_it]).output()?;
    panic!("dice: {:?}", String::from_utf8_lossy(&output.stdout))
}

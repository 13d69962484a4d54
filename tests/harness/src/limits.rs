//! Los límites de este proceso.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Sube el límite blando de descriptores de archivo hasta el duro (getrlimit(2)).
///
/// Una sesión corriente permite 1024, y mil conexiones más lo de siempre no caben. Lo heredan los
/// programas que se arranquen después; [`Program::descriptor_limit`] fija otro para uno de ellos.
///
/// [`Program::descriptor_limit`]: crate::Program::descriptor_limit
pub fn raise_descriptor_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // Si no se puede, lo dirá mejor la conexión que no quepa.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

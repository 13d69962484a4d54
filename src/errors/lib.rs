//! Los errores del sistema, en español: la única tabla, para los programas y para el arnés.

use std::io::{self, ErrorKind};

use nix::errno::Errno;

/// Lo que dice el sistema de un error, en español y sin punto final.
///
/// `std` toma sus textos de strerror(3), en inglés: aquí están los que un programa de
/// sockets puede encontrar; de los demás queda el número, que errno(3) explica.
pub fn reason(error: &io::Error) -> String {
    let text = match error.kind() {
        ErrorKind::NotFound => "no existe",
        ErrorKind::PermissionDenied => "permiso denegado",
        ErrorKind::ConnectionRefused => "conexión rechazada: nadie escucha en esa dirección",
        ErrorKind::ConnectionReset => "el otro extremo cortó la conexión",
        ErrorKind::ConnectionAborted => "conexión abandonada",
        ErrorKind::HostUnreachable => "no hay ruta hasta esa máquina",
        ErrorKind::NetworkUnreachable => "no hay ruta hasta esa red",
        ErrorKind::NetworkDown => "la red está caída",
        ErrorKind::NotConnected => "el socket no está conectado",
        ErrorKind::AddrInUse => "dirección ocupada",
        ErrorKind::AddrNotAvailable => "dirección no disponible",
        ErrorKind::BrokenPipe => "nadie lee al otro lado",
        ErrorKind::TimedOut => "se agotó el plazo",
        ErrorKind::WouldBlock => "no hay nada listo",
        ErrorKind::Interrupted => "la cortó una señal",
        ErrorKind::AlreadyExists => "ya existe",
        ErrorKind::UnexpectedEof => "la conexión terminó a medias",
        ErrorKind::StorageFull => "no queda espacio en el disco",
        ErrorKind::IsADirectory => "es una carpeta",
        ErrorKind::NotADirectory => "una parte de la ruta no es una carpeta",
        ErrorKind::ReadOnlyFilesystem => "el sistema de archivos es de solo lectura",
        ErrorKind::InvalidInput => "valor no válido",
        ErrorKind::OutOfMemory => "no queda memoria",
        _ => return numbered_reason(error),
    };
    text.to_owned()
}

fn numbered_reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) if number == Errno::EMFILE as i32 => {
            "no quedan descriptores de archivo (ulimit -n)".to_owned()
        }
        Some(number) if number == Errno::EINPROGRESS as i32 => {
            "la conexión está en camino".to_owned()
        }
        Some(number) if number == Errno::EBADF as i32 => {
            "el descriptor no está abierto para eso".to_owned()
        }
        Some(number) => format!("error {number} del sistema (míralo en errno(3))"),
        // Con un texto suyo, es de quien lo escribió.
        None if error.get_ref().is_some() => error.to_string(),
        None => format!("error de la clase {:?}", error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_error_conocido_se_dice_en_español_y_de_los_demás_queda_el_número() {
        let said = |errno: Errno| reason(&io::Error::from(errno));
        assert!(said(Errno::ECONNREFUSED).starts_with("conexión rechazada"));
        assert!(said(Errno::EMFILE).starts_with("no quedan descriptores de archivo"));
        assert_eq!(said(Errno::EOPNOTSUPP), "error 95 del sistema (míralo en errno(3))");
        let unnumbered = io::Error::from(ErrorKind::Unsupported);
        assert_eq!(reason(&unnumbered), "error de la clase Unsupported");
        assert_eq!(reason(&io::Error::other("no arranca")), "no arranca");
    }
}

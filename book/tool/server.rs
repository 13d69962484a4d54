//! Las páginas en el navegador, y las recarga cuando el libro cambia.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ventana::http::{self, Answer};

/// Lo que una página espera, como mucho, antes de volver a preguntar si algo cambió.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// Cada cuánto se mira si aún espera: quien pasa de página no avisa.
const GLANCE: Duration = Duration::from_millis(250);

/// Un servidor de las páginas de una carpeta.
#[derive(Debug)]
pub struct Site {
    listener: TcpListener,
    folder: PathBuf,
    version: Mutex<u64>,
    changed: Condvar,
}

impl Site {
    /// Escucha en ese puerto de 127.0.0.1; con 0, en uno cualquiera.
    pub fn listen(port: u16, folder: PathBuf) -> io::Result<Arc<Site>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let site = Site { listener, folder, version: Mutex::new(1), changed: Condvar::new() };
        Ok(Arc::new(site))
    }

    /// La dirección en la que escucha.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Atiende desde otro hilo, hasta que el programa termine. Errores: no quedan descriptores.
    pub fn start(self: &Arc<Site>) -> io::Result<()> {
        let site = Arc::clone(self);
        http::serve(self.listener.try_clone()?, move |request, stream| {
            site.answer(&request.target, || http::has_left(stream)).send(request, stream)
        });
        Ok(())
    }

    /// Avisa a las páginas abiertas de que hay una versión nueva.
    pub fn renew(&self) {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    fn answer(&self, target: &str, has_left: impl Fn() -> bool) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path == "/__cambios" {
            let known = query.strip_prefix("desde=").and_then(|known| known.parse().ok());
            return Answer::text("200 OK", &self.wait_for_change(known, has_left).to_string());
        }
        let found = self.find(path).and_then(|file| Some((fs::read(&file).ok()?, kind(&file))));
        match found {
            Some((body, kind)) => Answer { status: "200 OK", kind, body },
            None => Answer {
                status: "404 Not Found",
                kind: kind(Path::new("404.html")),
                body: fs::read(self.folder.join("404.html")).unwrap_or_default(),
            },
        }
    }

    /// La versión, en cuanto no sea la que ya se conoce, o en cuanto quien pregunta se vaya.
    fn wait_for_change(&self, known: Option<u64>, has_left: impl Fn() -> bool) -> u64 {
        let end = Instant::now() + LONGEST_WAIT;
        let mut version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        while known == Some(*version) && Instant::now() < end && !has_left() {
            let left = end.saturating_duration_since(Instant::now());
            let waited = self.changed.wait_timeout(version, left.min(GLANCE));
            version = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *version
    }

    /// El archivo de una ruta; ninguno, si se saldría de la carpeta.
    fn find(&self, path: &str) -> Option<PathBuf> {
        let relative = decode(path.trim_start_matches('/'))?;
        let relative = Path::new(&relative);
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return None;
        }
        let file = self.folder.join(relative);
        Some(if file.is_dir() { file.join("index.html") } else { file })
    }
}

/// `%20` por un espacio, y así los demás; ninguno, si no es UTF-8.
fn decode(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

fn kind(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::thread;

    #[test]
    fn ninguna_ruta_sale_de_la_carpeta() {
        let site = Site::listen(0, PathBuf::from("/libro")).unwrap();
        assert_eq!(site.find("/a%20b/c.html"), Some(PathBuf::from("/libro/a b/c.html")));
        for outside in ["/../etc/passwd", "/%2e%2e/x", "/a/../../x", "//etc/passwd%00", "/%ff"] {
            let found = site.find(outside);
            assert!(found.as_ref().is_none_or(|found| found.starts_with("/libro")), "{outside}");
        }
        assert_eq!(site.find("/%2e%2e/x"), None);
    }

    /// Cada página pregunta si algo cambió y se queda esperando: quien pasa páginas deprisa deja atrás
    /// muchas preguntas, y no han de ocupar el sitio de las páginas.
    #[test]
    fn quien_pregunta_y_se_va_no_ocupa_sitio() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::write(folder.path().join("a.html"), "hola").unwrap();
        let site = Site::listen(0, folder.path().to_owned()).unwrap();
        site.start().unwrap();
        let ask = |target: &str| {
            let mut stream = TcpStream::connect(site.address().unwrap()).unwrap();
            // Si no hay sitio, se sabrá al leer.
            let _ = write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
            stream
        };
        let read = || {
            let mut answer = String::new();
            ask("/a.html").read_to_string(&mut answer).is_ok() && answer.ends_with("hola")
        };
        assert!(read());
        for _ in 0..200 {
            drop(ask("/__cambios?desde=1"));
        }
        let deadline = Instant::now() + LONGEST_WAIT / 2;
        while !read() {
            assert!(Instant::now() < deadline, "no hay sitio para nadie");
            thread::yield_now();
        }
    }

    #[test]
    fn quien_conoce_la_versión_espera_a_la_siguiente() {
        let site = Site::listen(0, PathBuf::new()).unwrap();
        assert_eq!(site.wait_for_change(None, || false), 1);
        let other = Arc::clone(&site);
        let waiting = thread::spawn(move || other.wait_for_change(Some(1), || false));
        site.renew();
        assert_eq!(waiting.join().unwrap(), 2);
    }
}

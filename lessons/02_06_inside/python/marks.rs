//! Los avisos de Python: un access(2) a un archivo que no existe, cuyo nombre dice desde qué línea
//! hará el hilo su próxima llamada. `@ventana`, qué llamada, y por cada sitio, tres campos; con
//! tabuladores entre medias.

use std::collections::BTreeMap;

use crate::calls::family::{Family, family};
use crate::recording::Place;
use crate::strace::{Call, fields};

/// Lo primero de todos los avisos.
const FIRST: &str = "@ventana";

/// Si `name` es una llamada de las que pueden llevar un aviso.
pub(crate) fn carries(name: &str) -> bool {
    matches!(name, "access" | "faccessat" | "faccessat2")
}

/// El último aviso de cada hilo, por su número en el núcleo.
#[derive(Debug, Default)]
pub(crate) struct Marks(BTreeMap<u32, Mark>);

#[derive(Debug)]
struct Mark {
    /// Parte del nombre de la llamada que anuncia.
    word: String,
    places: Vec<Place>,
}

impl Marks {
    /// Lee un aviso entero, si lo es, con los sitios que `checked` deje. Cambia el que hubiera de ese
    /// hilo.
    pub(crate) fn read(&mut self, call: &Call, checked: impl FnOnce(Vec<Place>) -> Vec<Place>) {
        if call.took.is_none() {
            return;
        }
        let arguments = fields::split(&call.arguments);
        let name = arguments.into_iter().find(|it| it.starts_with('"')).map(fields::bytes);
        let name = String::from_utf8_lossy(&name.unwrap_or_default()).into_owned();
        let mut fields = name.split('\t');
        if fields.next() != Some(FIRST) {
            return;
        }
        let word = fields.next().unwrap_or_default().to_owned();
        let fields: Vec<_> = fields.collect();
        let places = checked(fields.chunks(3).filter_map(place).collect());
        self.0.insert(call.thread, Mark { word, places });
    }

    /// Desde dónde se hace una llamada, si se avisó. Un aviso vale hasta que se cumple: antes puede
    /// haber un poll(2), el de un plazo; y un envío puede ser de varias veces.
    pub(crate) fn of(&mut self, call: &Call) -> Vec<Place> {
        let Some(mark) = self.0.get(&call.thread) else { return Vec::new() };
        let announced = call.name.contains(&mark.word);
        if !announced && family(&call.name) != Family::Wait("poll") {
            return Vec::new();
        }
        let places = mark.places.clone();
        if announced && call.succeeded() && mark.word != "send" {
            self.0.remove(&call.thread);
        }
        places
    }

    /// Un hilo ya no está.
    pub(crate) fn forget(&mut self, thread: u32) {
        self.0.remove(&thread);
    }
}

/// Lo que no está dentro de una función, como el propio módulo, no tiene nombre.
fn place(fields: &[&str]) -> Option<Place> {
    let [file, line, function] = fields else { return None };
    let function = (!function.starts_with('<')).then(|| (*function).to_owned());
    Some(Place { function, file: Some((*file).to_owned()), line: Some(line.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strace::{Event, Reader};

    /// La línea desde la que se avisó de cada llamada, si se avisó.
    fn lines<const COUNT: usize>(seen: [&str; COUNT]) -> Vec<Option<u32>> {
        let (mut reader, mut marks, mut lines) = (Reader::default(), Marks::default(), Vec::new());
        for line in seen {
            let Some(Event::Begun(call) | Event::Ended(call)) = reader.line(line) else {
                panic!("{line}")
            };
            if carries(&call.name) {
                marks.read(&call, |places| places);
            } else {
                lines.push(marks.of(&call).first().and_then(|place| place.line));
            }
        }
        lines
    }

    const RECV: &str = r#"7 1.0 access("@ventana\trecv\t/a/ni\303\261o.py\t12\techo", F_OK) = -1 ENOENT (No) <0.1>"#;

    #[test]
    fn un_aviso_vale_para_su_llamada_y_su_espera_hasta_que_se_cumple() {
        let wait = "7 1.1 poll([{fd=4}], 1, 5000) = 1 <0.1>";
        let close = "7 1.2 close(4) = 0 <0.1>";
        let failed = "7 1.3 recvfrom(4, 0x1, 4, 0, NULL, NULL) = -1 EAGAIN (No) <0.1>";
        let asleep = "7 1.4 recvfrom(4, <unfinished ...>";
        let woken = "7 1.5 <... recvfrom resumed>\"hola\", 4, 0, NULL, NULL) = 4 <0.1>";
        let again = "7 1.6 recvfrom(4, \"\", 4, 0, NULL, NULL) = 0 <0.1>";
        let known = lines([RECV, wait, close, failed, asleep, woken, again]);
        assert_eq!(known, [Some(12), None, Some(12), Some(12), Some(12), None]);
    }

    #[test]
    fn lo_que_no_es_un_aviso_y_lo_que_es_de_otro_hilo() {
        let other = "8 1.1 recvfrom(4, \"hola\", 4, 0, NULL, NULL) = 4 <0.1>";
        let file = r#"7 1.2 access("/etc/hosts", R_OK) = 0 <0.1>"#;
        let own = "7 1.3 recvfrom(4, \"hola\", 4, 0, NULL, NULL) = 4 <0.1>";
        assert_eq!(lines([RECV, other, file, own]), [None, Some(12)]);
    }

    #[test]
    fn los_sitios_de_un_aviso() {
        let line = r#"7 1.0 faccessat2(AT_FDCWD, "@ventana\tsend\t/a/ni\303\261o.py\t12\techo\t/a/b.py\t3\t<module>", F_OK, 0) = -1 ENOENT (No) <0.1>"#;
        let Some(Event::Ended(call)) = Reader::default().line(line) else { panic!() };
        let mut marks = Marks::default();
        marks.read(&call, |places| places);
        let place = |file: &str, line, function: Option<&str>| Place {
            file: Some(file.to_owned()),
            line: Some(line),
            function: function.map(str::to_owned),
        };
        let expected = [place("/a/niño.py", 12, Some("echo")), place("/a/b.py", 3, None)];
        assert_eq!(marks.0[&7].places, expected);
    }
}

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

//! Los datos de cualquier experimento: filas (un servidor con tantas conexiones) por medidas, con una
//! cifra por ronda. Tal como se guardan en JSON y se leen después.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::measures::{Bound, Measure};
use crate::neighbours::Seen;
use crate::statistics::Spread;
use crate::wording::connections;

/// La forma de estos datos. Cambia si cambia el significado de alguno.
const FORMAT: u32 = 2;

/// La parte de su procesador a partir de la cual el generador no puede con más.
const FULL: f64 = 0.95;

/// La parte de una espera larga a partir de la cual es más del generador que del motor.
const LATE: f64 = 0.5;

/// Repeticiones sin las que no se sabe cuánto ruido hay.
const ENOUGH: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    #[serde(rename = "motores")]
    Engines,
    #[serde(rename = "web")]
    Web,
    #[serde(rename = "chat")]
    Chat,
}

/// Un experimento, entero o a medias.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    format: u32,
    pub(crate) kind: Kind,
    /// Cómo se pidió: `cargo lab rapido`.
    pub(crate) order: String,
    /// Cuándo se hizo, en UTC: `2026-01-31 09:30`.
    pub(crate) date: String,
    pub(crate) machine: Machine,
    /// Lo que trabajaron los demás programas mientras tanto.
    pub(crate) neighbours: Seen,
    pub(crate) complete: bool,
    /// Veces que se pidió repetir cada medida.
    pub(crate) rounds: usize,
    /// Las conexiones que se pidieron, si no cabían.
    pub(crate) cut: Option<usize>,
    /// Las que hablan cuando las demás callan; 0 si siempre hablan las mismas.
    pub(crate) few: usize,
    pub(crate) rate: u32,
    /// A cuántas conexiones atendió `select`, de las que se le abrieron.
    pub(crate) select_limit: Option<Limit>,
    pub(crate) rows: Vec<Row>,
}

/// Hasta dónde llegó `select`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limit {
    pub(crate) served: usize,
    pub(crate) tried: usize,
}

/// Un servidor con tantas conexiones, de las que hablan unas cuantas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) who: String,
    pub(crate) connections: usize,
    pub(crate) active: usize,
}

impl Case {
    pub(crate) fn new(who: &str, connections: usize, active: usize) -> Case {
        Case { who: who.to_owned(), connections, active }
    }

    /// Sin quién: `1000 conexiones (10 activas)`, `100 conexiones (todas activas)`.
    pub(crate) fn size(&self) -> String {
        let active = match self.active {
            all if all == self.connections => "todas activas".to_owned(),
            1 => "1 activa".to_owned(),
            some => format!("{some} activas"),
        };
        format!("{} ({active})", connections(self.connections))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} con {}", self.who, self.size())
    }
}

/// Lo que da una ronda: cada medida por su nombre en los datos.
pub(crate) type Values = Vec<(&'static str, f64)>;

/// Una fila: un caso, y lo que dio cada ronda.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) case: Case,
    /// De cada medida, una cifra por ronda.
    pub(crate) values: BTreeMap<String, Vec<f64>>,
    pub(crate) trouble: Option<String>,
}

/// Una cifra de una tabla: la única manera de mirar los datos. Así una gráfica, un veredicto y una
/// comparación dicen lo mismo que la tabla.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) spread: Spread,
    pub(crate) measure: &'static Measure,
    /// `≥` o `≤` si es solo un tope.
    pub(crate) bound: &'static str,
    /// Lo que puede cambiar sin que haya cambiado nada.
    drift: f64,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.bound, (self.measure.read)(self.spread.median))
    }
}

impl Figure {
    /// Entre qué cuartiles se movió, entre paréntesis.
    pub(crate) fn range(&self) -> String {
        self.spread.range(self.measure.read)
    }

    /// Si es menor sin que lo expliquen ni el ruido de las rondas ni lo que cambia de una ejecución a
    /// otra. De una cifra que puso el generador no se sabe cuánto mejor es la verdadera: «≥ 90» no es
    /// menor que 100, y nada es menor que «≤ 5».
    pub(crate) fn clearly_below(&self, other: &Figure) -> bool {
        let drift = self.drift.max(other.drift);
        self.bound != "≥" && other.bound != "≤" && self.spread.clearly_below(&other.spread, drift)
    }
}

impl Row {
    pub(crate) fn new(case: Case) -> Row {
        Row { case, values: BTreeMap::new(), trouble: None }
    }

    pub(crate) fn add(&mut self, values: Values) {
        for (key, value) in values {
            self.values.entry(key.to_owned()).or_default().push(value);
        }
    }

    /// Lo que dio cada ronda de una medida.
    pub(crate) fn column(&self, key: &str) -> &[f64] {
        self.values.get(key).map_or(&[], Vec::as_slice)
    }

    /// Rondas medidas.
    pub(crate) fn rounds(&self) -> usize {
        self.values.values().map(Vec::len).max().unwrap_or(0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rounds() == 0
    }

    /// Si la cifra de una medida la puso el generador, con qué signo se dice.
    fn bound(&self, bound: Bound) -> &'static str {
        let over = |shares: &mut dyn Iterator<Item = f64>, most| {
            Spread::of(shares).is_some_and(|share| share.median > most)
        };
        let late = self.column("late_us").iter().zip(self.column("p99_us"));
        match bound {
            Bound::GeneratorFull
                if over(&mut self.column("generator_busy").iter().copied(), FULL) =>
            {
                "≥"
            }
            Bound::GeneratorLate if over(&mut late.map(|(late, wait)| late / wait), LATE) => "≤",
            _ => "",
        }
    }
}

/// `2026-11-28 09:30`, en UTC.
fn to_the_minute(moment: SystemTime) -> String {
    humantime::format_rfc3339_seconds(moment)
        .to_string()
        .chars()
        .take(16)
        .collect::<String>()
        .replace('T', " ")
}

impl Report {
    /// Un experimento sin nada medido todavía.
    pub(crate) fn new(kind: Kind, order: &str, machine: Machine, rounds: usize) -> Report {
        Report {
            format: FORMAT,
            kind,
            order: order.to_owned(),
            date: to_the_minute(SystemTime::now()),
            machine,
            neighbours: Seen::default(),
            complete: false,
            rounds,
            cut: None,
            few: 0,
            rate: 0,
            select_limit: None,
            rows: Vec::new(),
        }
    }

    /// La cifra de una fila; ninguna si no se midió, o si con tan pocas conexiones no dice nada.
    pub(crate) fn figure(&self, row: &Row, measure: &'static Measure) -> Option<Figure> {
        let spread = Spread::of(row.column(measure.key).iter().copied())?;
        (row.case.connections >= measure.from).then(|| Figure {
            spread,
            measure,
            bound: row.bound(measure.bound),
            drift: self.drift(measure),
        })
    }

    /// Cuánto puede cambiar una medida de una ejecución a otra, según lo que trabajaran los demás.
    pub(crate) fn drift(&self, measure: &Measure) -> f64 {
        if measure.fragile && self.neighbours.noisy() {
            f64::INFINITY
        } else {
            measure.drift.max(self.neighbours.drift())
        }
    }

    /// Lo que gasta la primera fila entre lo que gasta otra, ronda a ronda: un mal rato de la máquina
    /// no cambia el cociente.
    pub(crate) fn ratio(&self, row: &Row, measure: &Measure) -> Option<Spread> {
        let (ours, theirs) = (self.rows.first()?, row.column(measure.key));
        let pairs = ours.column(measure.key).iter().zip(theirs);
        if ours.case == row.case { None } else { Spread::of(pairs.map(|(our, their)| our / their)) }
    }

    /// Las filas en que unas pocas hablan y las demás callan, de menos conexiones a más.
    pub(crate) fn idle<'a>(&'a self, who: &'a str) -> impl Iterator<Item = &'a Row> {
        self.of(who).filter(|row| row.case.active == self.few.min(row.case.connections))
    }

    /// Las filas en que hablan todas, de menos a más.
    pub(crate) fn busy<'a>(&'a self, who: &'a str) -> impl Iterator<Item = &'a Row> {
        self.of(who).filter(|row| row.case.active == row.case.connections)
    }

    /// Todo lo medido de uno, de menos conexiones a más.
    pub(crate) fn of<'a>(&'a self, who: &'a str) -> impl Iterator<Item = &'a Row> {
        self.measured().filter(move |row| row.case.who == who)
    }

    /// Las filas de las que hay alguna cifra.
    pub(crate) fn measured(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.is_empty())
    }

    /// Aquellos de los que se midió algo, en su orden.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for row in self.measured() {
            if !names.contains(&row.case.who.as_str()) {
                names.push(&row.case.who);
            }
        }
        names
    }

    /// Lo medido de `who` en el mismo caso que otro.
    pub(crate) fn twin(&self, case: &Case, who: &str) -> Option<&Row> {
        self.row(&Case { who: who.to_owned(), ..*case })
    }

    /// Lo medido en un caso.
    pub(crate) fn row(&self, case: &Case) -> Option<&Row> {
        self.measured().find(|row| row.case == *case)
    }

    /// Si no se llegó a medir nada.
    pub(crate) fn is_empty(&self) -> bool {
        self.measured().next().is_none()
    }

    /// Si uno falló a la primera y no ha dado ninguna cifra: no dará más.
    pub(crate) fn hopeless(&self, who: &str) -> bool {
        let failed = |row: &Row| row.case.who == who && row.trouble.is_some();
        self.rows.iter().any(failed) && self.of(who).next().is_none()
    }

    /// El mismo, sin las cifras de lo que se midió menos de tres veces: no se sabe su ruido, y no
    /// deciden nada.
    pub(crate) fn settled(&self) -> Report {
        let mut report = self.clone();
        for row in &mut report.rows {
            if row.rounds() < ENOUGH {
                row.values.clear();
            }
        }
        report
    }

    /// Lee un experimento guardado.
    pub(crate) fn read(path: &Path) -> io::Result<Report> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let text = fs::read_to_string(path)?;
        let strange = |_| io::Error::other("no es un experimento guardado con cargo lab");
        let version: Version = serde_json::from_str(&text).map_err(strange)?;
        if version.format == FORMAT {
            serde_json::from_str(&text).map_err(strange)
        } else {
            Err(io::Error::other("es de otra versión del laboratorio"))
        }
    }

    /// Lo mismo, en JSON legible.
    pub(crate) fn json(&self) -> io::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

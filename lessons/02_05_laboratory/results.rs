//! Los datos de un experimento, tal como se guardan en JSON y se leen después.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::engines::Engine;
use crate::machine::Machine;
use crate::plan::{Case, Plan};
use crate::statistics::Spread;

/// La forma de estos datos. Cambia si cambia el significado de alguno.
const FORMAT: u32 = 1;

/// Un experimento, entero o a medias.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    format: u32,
    /// Cuándo se hizo, en UTC: `2026-01-31 09:30`.
    pub date: String,
    /// Dónde se hizo.
    pub machine: Machine,
    /// Qué se pidió.
    pub plan: Plan,
    /// Si se midió todo lo que se pidió.
    pub complete: bool,
    /// Lo que resta valor a las cifras, en frases.
    pub warnings: Vec<String>,
    /// A cuántas conexiones atendió `select`, de las que se le abrieron.
    pub select_limit: Option<Limit>,
    /// Lo medido.
    pub points: Vec<Point>,
}

/// Conexiones a partir de las cuales su memoria dice algo: las primeras caben en páginas que el
/// programa ya había tocado.
pub const MANY: usize = 1000;

/// La parte de su procesador a partir de la cual el generador no puede con más.
pub const FULL: f64 = 0.95;

/// Repeticiones sin las que no se sabe cuánto ruido hay.
const ENOUGH: usize = 3;

/// La parte de una espera larga a partir de la cual es más del generador que del motor.
const LATE: f64 = 0.5;

/// Hasta dónde llegó un motor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Las conexiones que atendió.
    pub served: usize,
    /// Las que se le abrieron.
    pub tried: usize,
}

/// Un motor con tantas conexiones, y lo que dio cada repetición.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    /// Qué se midió.
    #[serde(flatten)]
    pub case: Case,
    /// Una por repetición.
    pub runs: Vec<Run>,
    /// Por qué faltan repeticiones, si falló alguna.
    pub trouble: Option<String>,
}

/// Una repetición.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// Mensajes que fueron y volvieron en un segundo, a todo lo que da.
    pub messages_per_second: f64,
    /// Procesador del servidor por mensaje, en nanosegundos.
    pub cpu_ns: f64,
    /// Lo que el motor contó de sí mismo, si sabe contar.
    pub counts: Option<Counts>,
    /// Qué parte de su procesador usó el generador.
    pub generator_busy: f64,
    /// La espera que la mitad de los mensajes no pasó, en microsegundos, a ritmo fijo.
    pub p50_us: f64,
    /// La que 99 de cada 100 no pasaron.
    pub p99_us: f64,
    /// La que 999 de cada 1000 no pasaron.
    pub p999_us: f64,
    /// Lo que 99 de cada 100 mensajes no llegaron a retrasarse por culpa del generador.
    #[serde(default)]
    pub late_us: f64,
    /// Mensajes a ritmo fijo que no volvieron.
    pub unanswered: u64,
    /// Memoria residente por conexión, en bytes.
    pub bytes_per_connection: f64,
    /// Hilos del servidor.
    pub threads: u64,
}

/// Lo que un motor hizo por cada mensaje.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Llamadas al sistema.
    pub calls: f64,
    /// Esperas terminadas.
    pub wakeups: f64,
    /// Cambios de contexto.
    pub switches: f64,
}

impl Run {
    /// Una de sus cuentas; no es un número si el motor no las lleva, y entonces no cuenta para la
    /// mediana.
    pub fn count(&self, which: fn(&Counts) -> f64) -> f64 {
        self.counts.as_ref().map_or(f64::NAN, which)
    }
}

/// Algo que se mide, y cómo se toma de una repetición.
pub type Measure = fn(&Run) -> f64;

impl Point {
    /// La mediana y la dispersión de una medida; `None` si no hay repeticiones.
    pub fn spread(&self, measure: Measure) -> Option<Spread> {
        Spread::of(self.runs.iter().map(measure))
    }

    /// La mediana de una medida.
    pub fn median(&self, measure: Measure) -> Option<f64> {
        Some(self.spread(measure)?.median)
    }

    /// Si el generador llenó su procesador: los mensajes por segundo son entonces los suyos, y los
    /// del motor podrían ser más.
    pub fn generator_full(&self) -> bool {
        self.median(|run| run.generator_busy).is_some_and(|busy| busy > FULL)
    }

    /// Si más de la mitad de las esperas largas fue del generador, que envió tarde: las del motor
    /// son entonces menores.
    pub fn generator_late(&self) -> bool {
        self.median(|run| run.late_us / run.p99_us).is_some_and(|share| share > LATE)
    }
}

impl Report {
    /// Un experimento sin nada medido todavía.
    pub fn new(date: String, machine: Machine, plan: Plan) -> Report {
        Report {
            format: FORMAT,
            date,
            machine,
            complete: false,
            warnings: Vec::new(),
            select_limit: None,
            points: plan
                .cases()
                .into_iter()
                .map(|case| Point { case, runs: Vec::new(), trouble: None })
                .collect(),
            plan,
        }
    }

    /// Lo medido de un motor con pocas conexiones activas y las demás ociosas, de menos a más.
    pub fn idle(&self, engine: Engine) -> impl Iterator<Item = &Point> {
        let active = self.plan.active;
        self.measured(engine)
            .filter(move |point| point.case.active == active.min(point.case.connections))
    }

    /// Lo medido de un motor con todas las conexiones activas, de menos a más.
    pub fn busy(&self, engine: Engine) -> impl Iterator<Item = &Point> {
        self.measured(engine).filter(|point| point.case.active == point.case.connections)
    }

    /// Todo lo medido de un motor, de menos conexiones a más; cada caso, una vez.
    pub fn measured(&self, engine: Engine) -> impl Iterator<Item = &Point> {
        self.points
            .iter()
            .filter(move |point| point.case.engine == engine && !point.runs.is_empty())
    }

    /// Los motores de los que se midió algo.
    pub fn engines(&self) -> Vec<Engine> {
        Engine::ALL.into_iter().filter(|&engine| self.measured(engine).next().is_some()).collect()
    }

    /// El mismo, sin las cifras de los casos que se midieron menos de tres veces: de ellos no se sabe
    /// el ruido, y no deciden nada.
    #[must_use]
    pub fn settled(&self) -> Report {
        let mut report = self.clone();
        for point in &mut report.points {
            if point.runs.len() < ENOUGH {
                point.runs.clear();
            }
        }
        report
    }

    /// Si no hay ni una repetición de ningún caso.
    pub fn is_empty(&self) -> bool {
        self.points.iter().all(|point| point.runs.is_empty())
    }

    /// Si un motor falló a la primera y no ha dado ninguna cifra: no dará más.
    pub fn hopeless(&self, engine: Engine) -> bool {
        let failed = |point: &Point| point.case.engine == engine && point.trouble.is_some();
        self.points.iter().any(failed) && self.measured(engine).next().is_none()
    }

    /// Lo medido en un caso.
    pub fn point(&self, case: Case) -> Option<&Point> {
        self.points.iter().find(|point| point.case == case && !point.runs.is_empty())
    }

    /// Lee un experimento guardado.
    ///
    /// # Errors
    /// No se puede leer, o no es un experimento de este laboratorio.
    pub fn read(path: &Path) -> io::Result<Report> {
        let report: Report = serde_json::from_str(&fs::read_to_string(path)?)
            .map_err(|_| io::Error::other("no es un experimento guardado con cargo lab"))?;
        if report.format == FORMAT {
            Ok(report)
        } else {
            Err(io::Error::other("es de otra versión del laboratorio"))
        }
    }
}

/// Cualquier dato, en JSON legible.
///
/// # Errors
/// No los hay con los de este laboratorio.
pub fn json(data: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string_pretty(data).map_err(io::Error::other)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cores::Cores;

    #[test]
    fn con_menos_conexiones_que_activas_hablan_todas_y_cuenta_en_las_dos_series() {
        let plan = Plan::usual().with_connections(&[2, 20]);
        let machine = Machine::this_one(&Cores::split().unwrap());
        let mut report = Report::new("2026-01-31 09:30".into(), machine, plan);
        report.points.iter_mut().for_each(|point| point.runs.push(Run::default()));
        let cases = |points: Vec<&Point>| -> Vec<(usize, usize)> {
            points.iter().map(|point| (point.case.connections, point.case.active)).collect()
        };
        assert_eq!(cases(report.idle(Engine::Epoll).collect()), [(2, 2), (20, 10)]);
        assert_eq!(cases(report.busy(Engine::Epoll).collect()), [(2, 2), (20, 20)]);
    }
}

//! Los veredictos: cada afirmación de los apuntes, hecha pregunta, y lo que responden los datos.
//!
//! Nada de aquí mide ni escribe: son funciones de un [`Report`]. Si los datos son otros, la
//! respuesta es otra, y si no bastan, lo dice.

use std::fmt::Write;

use crate::engines::Engine;
use crate::plan::Case;
use crate::results::{MANY, Measure, Point, Report};
use crate::statistics::Line;
use crate::wording::{about, bytes, connections, list, nanoseconds, number};

/// Lo que dicen los datos de una afirmación.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// La sostienen.
    Holds,
    /// La contradicen.
    Fails,
    /// Según el caso.
    Depends,
    /// No bastan para decirlo.
    Unknown,
}

/// Una pregunta y su respuesta.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// La pregunta.
    pub question: &'static str,
    /// Lo que se suele afirmar.
    pub claim: &'static str,
    /// Lo que dicen los datos.
    pub answer: Answer,
    /// Con qué cifras, en frases.
    pub because: String,
}

/// Cómo cambia el costo por mensaje al crecer las conexiones ociosas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Growth {
    /// No se nota: O(1).
    Flat,
    /// Crece con ellas, tantos nanosegundos por cada una: O(n).
    Linear(f64),
    /// Ni una cosa ni la otra.
    Unclear,
}

/// Por debajo de esto, de la menor a la mayor, no crece. Deja sitio a las cachés del procesador,
/// que con más clientes en memoria aciertan algo menos.
const FLAT: f64 = 1.3;

/// Por encima de esto, crece.
const GROWS: f64 = 2.0;

/// La menor diferencia de tamaño con la que se puede hablar de crecer.
const RANGE: usize = 10;

/// «Cientos de conexiones», en los apuntes.
const HUNDREDS: std::ops::RangeInclusive<usize> = 100..=3000;

const CPU: Measure = |run| run.cpu_ns;
const RATE: Measure = |run| run.messages_per_second;
const TAIL: Measure = |run| run.p99_us;
const MEMORY: Measure = |run| run.bytes_per_connection;
const CALLS: Measure = |run| run.count(|counts| counts.calls);

/// Todas las preguntas, en el orden en que se leen.
pub fn verdicts(report: &Report) -> Vec<Verdict> {
    let report = &report.settled();
    vec![
        idle_cost(report),
        cost_growth(report),
        select_limit(report),
        threads_scale(report),
        select_does_better(report),
        threads_win(report),
        edge_or_level(report),
    ]
}

// ANCHOR: growth
/// Cómo crece el costo por mensaje de un motor con las conexiones ociosas; `None` si los datos no
/// abarcan lo bastante.
pub fn growth(report: &Report, engine: Engine) -> Option<Growth> {
    let points: Vec<(f64, f64)> = report
        .idle(engine)
        .filter_map(|point| Some((lossy(point.case.connections), point.median(CPU)?)))
        .collect();
    let ((fewest, cheapest), (most, dearest)) = (*points.first()?, *points.last()?);
    if most < fewest * lossy(RANGE) {
        return None;
    }
    let line = Line::fit(&points)?;
    Some(if dearest / cheapest < FLAT {
        Growth::Flat
    } else if dearest / cheapest > GROWS && line.at(most) / line.at(fewest) > GROWS {
        Growth::Linear(line.slope)
    } else {
        Growth::Unclear
    })
}
// ANCHOR_END: growth

/// Memoria residente por conexión de un motor, en bytes, en el mayor de sus casos con ociosas.
pub fn idle_bytes(report: &Report, engine: Engine) -> Option<f64> {
    let largest = report.idle(engine).last()?;
    if largest.case.connections < MANY { None } else { largest.median(MEMORY) }
}

/// Los casos en que un hilo por cliente supera a `epoll` más allá del ruido, con lo que mejora.
pub fn thread_wins(report: &Report) -> Vec<(Case, Better)> {
    let mut wins = Vec::new();
    for threads in report.measured(Engine::Threads) {
        let Some(epoll) = report.point(Case { engine: Engine::Epoll, ..threads.case }) else {
            continue;
        };
        let better = Better::between(threads, epoll);
        if better.any() {
            wins.push((threads.case, better));
        }
    }
    wins
}

/// En qué es mejor un motor que otro, más allá del ruido.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Better {
    /// Gasta menos procesador por mensaje.
    pub cpu: bool,
    /// Da más mensajes por segundo.
    pub rate: bool,
    /// La espera que 99 de cada 100 no pasan es menor.
    pub tail: bool,
}

impl Better {
    /// En qué mejora `one` a `other`. Una cifra que puso el generador no hace perder a nadie: si
    /// llenó su procesador, el motor podría dar más; si envió tarde, haría esperar menos.
    pub fn between(one: &Point, other: &Point) -> Better {
        let below = |one: &Point, other: &Point, measure| {
            one.spread(measure)
                .zip(other.spread(measure))
                .is_some_and(|(one, other)| one.clearly_below(&other))
        };
        Better {
            cpu: below(one, other, CPU),
            rate: below(other, one, RATE) && !other.generator_full(),
            tail: below(one, other, TAIL) && !other.generator_late(),
        }
    }

    fn any(self) -> bool {
        self != Better::default()
    }

    fn describe(self) -> String {
        let mut parts = Vec::new();
        if self.cpu {
            parts.push("gasta menos procesador");
        }
        if self.rate {
            parts.push("da más mensajes por segundo");
        }
        if self.tail {
            parts.push("hace esperar menos");
        }
        list(&parts)
    }
}

fn idle_cost(report: &Report) -> Verdict {
    let costs: Vec<(Engine, f64)> = report
        .engines()
        .into_iter()
        .filter_map(|engine| Some((engine, idle_bytes(report, engine)?)))
        .collect();
    let cost = |wanted| costs.iter().find(|(engine, _)| *engine == wanted).map(|&(_, cost)| cost);
    let mut because: String = list(
        &costs
            .iter()
            .map(|(engine, cost)| format!("{} en {engine}", bytes(*cost)))
            .collect::<Vec<_>>(),
    );
    let answer = match (cost(Engine::Threads), cost(Engine::Epoll)) {
        (Some(threads), Some(epoll)) => {
            let _ = write!(
                because,
                ". Un hilo ocupa unas {} veces lo que un cliente de epoll; la memoria que el núcleo gasta \
                 en cada socket va aparte, y es la misma para todos",
                about(threads / epoll.max(1.0))
            );
            if threads > epoll * 2.0 { Answer::Holds } else { Answer::Fails }
        }
        _ => Answer::Unknown,
    };
    Verdict {
        question: "¿Cuánto cuesta una conexión ociosa?",
        claim: "Un hilo por conexión tropieza con los límites de memoria",
        answer,
        because: sentence(&because),
    }
}

fn cost_growth(report: &Report) -> Verdict {
    let mut parts = Vec::new();
    let mut found = Vec::new();
    for engine in report.engines() {
        let Some(growth) = growth(report, engine) else { continue };
        found.push((engine, growth));
        parts.push(match growth {
            Growth::Flat => format!("en {engine} no crece"),
            Growth::Linear(slope) => {
                format!("en {engine} crece {} por cada conexión ociosa", nanoseconds(slope))
            }
            Growth::Unclear => format!("en {engine} crece algo, sin llegar a doblarse"),
        });
    }
    let is = |wanted: Engine, test: fn(&Growth) -> bool| {
        found.iter().find(|(engine, _)| *engine == wanted).map(|(_, growth)| test(growth))
    };
    let flat = is(Engine::Epoll, |growth| *growth == Growth::Flat);
    let linear: Vec<bool> = [Engine::Select, Engine::Poll]
        .into_iter()
        .filter_map(|engine| is(engine, |growth| matches!(growth, Growth::Linear(_))))
        .collect();
    Verdict {
        question: "¿Cómo crece el costo por mensaje cuando crecen las conexiones ociosas?",
        claim: "Con epoll, el núcleo hace el trabajo: no hay que preguntar por todos",
        answer: match flat {
            Some(true) if linear.iter().all(|&grows| grows) => Answer::Holds,
            Some(true) => Answer::Depends,
            Some(false) => Answer::Fails,
            None => Answer::Unknown,
        },
        because: sentence(&parts.join("; ")),
    }
}

fn select_limit(report: &Report) -> Verdict {
    let (answer, because) = match report.select_limit {
        Some(limit) if limit.served < limit.tried => (
            Answer::Holds,
            format!(
                "En {} de las {} que se le abrieron. Su conjunto tiene 1024 sitios, del descriptor 0 \
                 al 1023, y unos pocos ya estaban ocupados",
                limit.served,
                connections(limit.tried)
            ),
        ),
        Some(limit) => (
            Answer::Unknown,
            format!(
                "Atendió a las {} que se le abrieron: faltaron descriptores para llegar al tope",
                connections(limit.tried)
            ),
        ),
        None => (Answer::Unknown, String::new()),
    };
    Verdict {
        question: "¿Dónde se detiene select?",
        claim: "select no pasa de 1024 descriptores",
        answer,
        because: sentence(&because),
    }
}

/// El costo por mensaje con cientos de conexiones, frente al de unas pocas.
fn threads_scale(report: &Report) -> Verdict {
    let rises: Vec<Rise> = [
        Rise::among(report.idle(Engine::Threads), "Con las demás calladas"),
        Rise::among(report.busy(Engine::Threads), "Con todas activas"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let failed: Vec<&Point> = report
        .points
        .iter()
        .filter(|point| point.case.engine == Engine::Threads && point.trouble.is_some())
        .collect();
    let fails =
        rises.iter().any(|rise| rise.times() > GROWS) || failed.iter().any(|point| hundreds(point));
    let mut because: Vec<String> = rises.iter().map(Rise::told).collect();
    if let Some(point) = failed.first() {
        because.push(format!(
            "Y con {} {}",
            connections(point.case.connections),
            point.trouble.as_deref().unwrap_or("no se pudo medir")
        ));
    }
    Verdict {
        question: "¿Deja de ser viable un hilo por cliente con cientos de conexiones?",
        claim: "Con cientos de conexiones, un hilo para cada una no siempre es viable",
        answer: match (fails, rises.is_empty()) {
            (true, _) => Answer::Holds,
            (false, true) => Answer::Unknown,
            (false, false) => Answer::Fails,
        },
        because: sentence(&because.join(". ")),
    }
}

/// Lo que cuesta un mensaje con la menor cantidad de conexiones y, de entre las de cientos, con la
/// que más cuesta: las conexiones y los nanosegundos de cada una.
struct Rise {
    when: &'static str,
    few: (usize, f64),
    many: (usize, f64),
}

impl Rise {
    /// La de una serie, de menos a más conexiones.
    fn among<'a>(points: impl Iterator<Item = &'a Point>, when: &'static str) -> Option<Rise> {
        let mut costs = points
            .filter_map(|point| Some((point, point.median(CPU)?)))
            .map(|(point, cost)| (hundreds(point), (point.case.connections, cost)));
        let (_, few) = costs.next()?;
        let most = costs.filter(|(hundreds, _)| *hundreds);
        let (_, many) = most.max_by(|(_, one), (_, other)| one.1.total_cmp(&other.1))?;
        Some(Rise { when, few, many })
    }

    fn times(&self) -> f64 {
        self.many.1 / self.few.1
    }

    fn told(&self) -> String {
        format!(
            "{}, un mensaje cuesta {} con {} y {} con {}",
            self.when,
            nanoseconds(self.few.1),
            connections(self.few.0),
            nanoseconds(self.many.1),
            connections(self.many.0),
        )
    }
}

fn hundreds(point: &Point) -> bool {
    HUNDREDS.contains(&point.case.connections)
}

fn select_does_better(report: &Report) -> Verdict {
    let mut parts = Vec::new();
    let (mut better, mut compared) = (0, 0);
    for select in report.idle(Engine::Select).chain(report.busy(Engine::Select)) {
        if !hundreds(select) {
            continue;
        }
        let threads = report.point(Case { engine: Engine::Threads, ..select.case });
        let Some((ours, theirs)) =
            select.spread(CPU).zip(threads.and_then(|point| point.spread(CPU)))
        else {
            continue;
        };
        compared += 1;
        better += usize::from(ours.clearly_below(&theirs));
        parts.push(format!(
            "con {}, {} por mensaje en select y {} en hilos",
            size(select.case),
            nanoseconds(ours.median),
            nanoseconds(theirs.median)
        ));
    }
    Verdict {
        question: "¿Lo hace mejor select?",
        claim: "select resuelve el problema de los hilos cuando hay cientos de clientes",
        answer: match (compared, better) {
            (0, _) => Answer::Unknown,
            (all, some) if all == some => Answer::Holds,
            (_, 0) => Answer::Fails,
            _ => Answer::Depends,
        },
        because: sentence(&parts.join("; ")),
    }
}

fn threads_win(report: &Report) -> Verdict {
    let wins = thread_wins(report);
    let comparable = report
        .idle(Engine::Threads)
        .any(|point| report.point(Case { engine: Engine::Epoll, ..point.case }).is_some());
    let because = if wins.is_empty() {
        "En ninguno de los casos medidos mejora a epoll más allá del ruido".to_owned()
    } else {
        let parts: Vec<String> = wins
            .iter()
            .map(|(case, better)| format!("con {} {}", size(*case), better.describe()))
            .collect();
        format!("Frente a epoll, {}", parts.join("; "))
    };
    Verdict {
        question: "¿Cuándo gana el hilo por cliente?",
        claim: "Nunca: siempre hay algo mejor",
        answer: match (comparable, wins.is_empty()) {
            (false, _) => Answer::Unknown,
            (true, true) => Answer::Holds,
            (true, false) => Answer::Fails,
        },
        because: if comparable { sentence(&because) } else { String::new() },
    }
}

fn edge_or_level(report: &Report) -> Verdict {
    let mut compared = 0;
    let (mut better, mut worse) = (Vec::new(), Vec::new());
    let mut extra_calls = None;
    for edge in report.measured(Engine::Edge) {
        let Some(level) = report.point(Case { engine: Engine::Epoll, ..edge.case }) else {
            continue;
        };
        let Some((ours, theirs)) = edge.spread(CPU).zip(level.spread(CPU)) else { continue };
        compared += 1;
        if ours.clearly_below(&theirs) {
            better.push(size(edge.case));
        } else if theirs.clearly_below(&ours) {
            worse.push(size(edge.case));
        }
        if let Some((ours, theirs)) = edge.median(CALLS).zip(level.median(CALLS))
            && ours - theirs > 0.5
        {
            extra_calls = Some((edge.case, ours, theirs));
        }
    }
    let told = [("menos", &better), ("más", &worse)]
        .into_iter()
        .filter(|(_, cases)| !cases.is_empty())
        .map(|(how, cases)| format!("Por flanco gasta {how} en {}", which(cases, compared)));
    let told: Vec<String> = told.collect();
    let mut because = match (compared, told.is_empty()) {
        (0, _) => String::new(),
        (all, true) => format!("En los {all} casos medidos no difieren más allá del ruido"),
        (_, false) => told.join(". "),
    };
    if let Some((case, ours, theirs)) = extra_calls {
        let _ = write!(
            because,
            ". Con {} hace {} llamadas al sistema por mensaje, y por nivel {}: la de más es la lectura \
             que descubre que no queda nada",
            size(case),
            number(ours),
            number(theirs)
        );
    }
    Verdict {
        question: "¿Por nivel o por flanco?",
        claim: "El disparo por flanco es más rápido",
        answer: match (compared, better.len()) {
            (0, _) => Answer::Unknown,
            (_, 0) => Answer::Fails,
            (all, some) if some == all => Answer::Holds,
            _ => Answer::Depends,
        },
        because: sentence(&because),
    }
}

/// Cuáles de `all` casos: `los 6 casos medidos`, `1 de 6 casos: con 10 conexiones (…)`.
fn which(cases: &[String], all: usize) -> String {
    if cases.len() == all {
        format!("los {all} casos medidos")
    } else {
        format!("{} de {all} casos: con {}", cases.len(), list(cases))
    }
}

/// Un caso, sin su motor: `1000 conexiones (10 activas)`, `100 conexiones (todas activas)`.
fn size(case: Case) -> String {
    let active = match case.active {
        all if all == case.connections => "todas activas".to_owned(),
        1 => "1 activa".to_owned(),
        some => format!("{some} activas"),
    };
    format!("{} ({active})", connections(case.connections))
}

/// Con mayúscula y punto; vacía si no hay nada que decir.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    format!("{}{}.", first.to_uppercase(), letters.as_str())
}

#[expect(clippy::cast_precision_loss)]
fn lossy(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{made_up, usual_cost, usual_memory};
    use crate::results::Counts;

    fn answer(report: &Report, question: &str) -> Answer {
        let verdicts = verdicts(report);
        verdicts.iter().find(|verdict| verdict.question.contains(question)).unwrap().answer
    }

    #[test]
    fn con_datos_corrientes_los_apuntes_aciertan() {
        let report = made_up(usual_cost, usual_memory);
        assert_eq!(growth(&report, Engine::Epoll), Some(Growth::Flat));
        assert_eq!(growth(&report, Engine::Threads), Some(Growth::Flat));
        let Some(Growth::Linear(slope)) = growth(&report, Engine::Poll) else {
            panic!("poll crece con las conexiones ociosas");
        };
        assert!((slope - 12.0).abs() < 0.5, "{slope}");
        assert_eq!(answer(&report, "conexión ociosa"), Answer::Holds);
        assert_eq!(answer(&report, "crece el costo"), Answer::Holds);
        assert_eq!(answer(&report, "se detiene select"), Answer::Holds);
        assert_eq!(answer(&report, "nivel o por flanco"), Answer::Fails);
    }

    #[test]
    fn si_epoll_recorriera_a_todos_el_veredicto_sería_otro() {
        let worse = |case: Case| {
            let walk = if case.engine == Engine::Epoll { 12.0 } else { 0.0 };
            usual_cost(case) + walk * lossy(case.connections)
        };
        let report = made_up(worse, usual_memory);
        assert!(matches!(growth(&report, Engine::Epoll), Some(Growth::Linear(_))));
        assert_eq!(answer(&report, "crece el costo"), Answer::Fails);
    }

    #[test]
    fn si_los_hilos_gastaran_más_con_más_clientes_no_serían_viables() {
        let report = made_up(usual_cost, usual_memory);
        assert_eq!(answer(&report, "viable"), Answer::Fails);
        let worse = |case: Case| match case.engine {
            Engine::Threads => 9000.0 + 40.0 * lossy(case.connections),
            _ => usual_cost(case),
        };
        assert_eq!(answer(&made_up(worse, usual_memory), "viable"), Answer::Holds);
    }

    #[test]
    fn si_los_hilos_no_llegaran_a_cientos_no_serían_viables() {
        let mut report = made_up(usual_cost, usual_memory);
        for point in &mut report.points {
            if point.case.engine == Engine::Threads && point.case.connections == 1000 {
                point.runs.clear();
                point.trouble = Some("atendió a 400 de 1000 conexiones".into());
            }
        }
        assert_eq!(answer(&report, "viable"), Answer::Holds);
    }

    #[test]
    fn si_un_hilo_ocupara_lo_mismo_la_memoria_no_sería_un_problema() {
        let report = made_up(usual_cost, |_| 100.0);
        assert_eq!(answer(&report, "conexión ociosa"), Answer::Fails);
    }

    #[test]
    fn el_hilo_por_cliente_gana_donde_los_datos_lo_dicen_y_solo_ahí() {
        let report = made_up(usual_cost, usual_memory);
        assert_eq!(thread_wins(&report), []);
        assert_eq!(answer(&report, "gana el hilo"), Answer::Holds);
        let fast_when_few = |case: Case| match (case.engine, case.connections) {
            (Engine::Threads, 10) => 2000.0,
            _ => usual_cost(case),
        };
        let report = made_up(fast_when_few, usual_memory);
        let wins = thread_wins(&report);
        assert_eq!(wins.len(), 1);
        assert_eq!(wins[0].0.connections, 10);
        assert_eq!(wins[0].1, Better { cpu: true, rate: true, tail: false });
        assert_eq!(answer(&report, "gana el hilo"), Answer::Fails);
    }

    #[test]
    fn una_cifra_que_puso_el_generador_no_hace_perder_a_nadie() {
        let mut report = made_up(usual_cost, usual_memory);
        let points = &mut report.points;
        let epoll = |point: &&mut Point| point.case.engine == Engine::Epoll;
        for point in points.iter_mut().filter(epoll) {
            for run in &mut point.runs {
                (run.messages_per_second, run.p99_us) = (1000.0, 5000.0);
            }
        }
        let wins = thread_wins(&report);
        assert!(wins.iter().all(|(_, better)| better.rate && better.tail), "{wins:?}");
        for point in report.points.iter_mut().filter(epoll) {
            for run in &mut point.runs {
                (run.generator_busy, run.late_us) = (0.99, 3000.0);
            }
        }
        assert_eq!(thread_wins(&report), []);
    }

    fn because(report: &Report, question: &str) -> String {
        let verdicts = verdicts(report);
        let found = verdicts.iter().find(|verdict| verdict.question.contains(question));
        found.unwrap().because.clone()
    }

    #[test]
    fn el_disparo_por_flanco_se_juzga_diciendo_con_cuántas_conexiones() {
        let better_when_idle = |case: Case| match (case.engine, case.connections, case.active) {
            (Engine::Edge, 1000, 10) => 3000.0,
            (Engine::Edge, ..) => 4000.0,
            _ => usual_cost(case),
        };
        let mut report = made_up(better_when_idle, usual_memory);
        assert_eq!(answer(&report, "nivel o por flanco"), Answer::Depends);
        assert_eq!(
            because(&report, "nivel o por flanco"),
            "Por flanco gasta menos en 1 de 6 casos: con 1000 conexiones (10 activas)."
        );
        let point = report.points.iter_mut().find(|point| {
            point.case == Case { engine: Engine::Edge, connections: 100, active: 100 }
        });
        for run in &mut point.unwrap().runs {
            run.counts = Some(Counts { calls: 3.0, ..Counts::default() });
        }
        let text = because(&report, "nivel o por flanco");
        assert!(
            text.contains(
                "Con 100 conexiones (todas activas) hace 3,00 llamadas al sistema por mensaje"
            ),
            "{text}"
        );
        let even = made_up(|_| 4000.0, usual_memory);
        assert_eq!(
            because(&even, "nivel o por flanco"),
            "En los 6 casos medidos no difieren más allá del ruido."
        );
    }

    #[test]
    fn una_diferencia_que_cabe_en_el_ruido_no_da_la_victoria() {
        let almost = |case: Case| match case.engine {
            Engine::Threads => 3990.0,
            _ => usual_cost(case),
        };
        assert_eq!(thread_wins(&made_up(almost, usual_memory)), []);
    }

    #[test]
    fn select_lo_hace_mejor_que_los_hilos_según_cuántos_callen() {
        // Con mil conexiones, de las que callan 990, recorrerlas cuesta más que un hilo.
        let report = made_up(usual_cost, usual_memory);
        assert_eq!(answer(&report, "mejor select"), Answer::Depends);
        let report =
            made_up(|case| usual_cost(Case { connections: case.active, ..case }), usual_memory);
        assert_eq!(answer(&report, "mejor select"), Answer::Holds);
    }

    #[test]
    fn con_una_repetición_de_cada_caso_no_se_sabe_el_ruido_y_no_se_afirma_nada() {
        let mut report = made_up(usual_cost, usual_memory);
        report.points.iter_mut().for_each(|point| point.runs.truncate(2));
        report.select_limit = None;
        for verdict in verdicts(&report) {
            assert_eq!(verdict.answer, Answer::Unknown, "{}", verdict.question);
        }
    }

    #[test]
    fn sin_datos_no_se_afirma_nada() {
        let mut report = made_up(usual_cost, usual_memory);
        report.points.iter_mut().for_each(|point| point.runs.clear());
        report.select_limit = None;
        for verdict in verdicts(&report) {
            assert_eq!(verdict.answer, Answer::Unknown, "{}", verdict.question);
        }
    }

    #[test]
    fn crecer_es_doblarse_y_no_crecer_es_quedarse_en_menos_de_un_tercio() {
        let times = |most: f64| {
            let cost = |case: Case| match (case.engine, case.connections, case.active) {
                (Engine::Epoll, 10_000, 10) => 4000.0 * most,
                _ => 4000.0,
            };
            growth(&made_up(cost, usual_memory), Engine::Epoll).unwrap()
        };
        assert_eq!(times(1.25), Growth::Flat);
        assert_eq!(times(1.4), Growth::Unclear);
        assert_eq!(times(1.9), Growth::Unclear);
        assert!(matches!(times(2.5), Growth::Linear(_)));
    }

    #[test]
    fn de_tamaños_parecidos_no_se_deduce_cómo_crece() {
        let between = |few, many| {
            let mut report = made_up(usual_cost, usual_memory);
            report.points.retain(|point| [few, many].contains(&point.case.connections));
            growth(&report, Engine::Epoll)
        };
        assert_eq!(between(1000, 10_000), Some(Growth::Flat));
        let mut report = made_up(usual_cost, usual_memory);
        report.points.retain(|point| point.case.connections <= 100);
        for point in &mut report.points {
            if point.case.connections == 100 {
                (point.case.connections, point.case.active) = (90, point.case.active.min(10));
            }
        }
        assert_eq!(growth(&report, Engine::Epoll), None);
    }

    #[test]
    fn de_un_solo_tamaño_no_se_deduce_cómo_crece() {
        let mut report = made_up(usual_cost, usual_memory);
        report.points.retain(|point| point.case.connections == 1000);
        assert_eq!(growth(&report, Engine::Epoll), None);
        assert_eq!(answer(&report, "crece el costo"), Answer::Unknown);
    }
}

//! Los veredictos: cada afirmación de los apuntes, hecha pregunta, y lo que responden los datos.
//!
//! Nada de aquí mide ni escribe: son funciones de un [`Report`], y no miran otras cifras que las de sus
//! tablas. Si los datos son otros, la respuesta es otra; si no bastan, lo dice; y si otra ejecución de
//! lo mismo podría cambiarla, también.

use std::fmt::Write;

use crate::engines::Engine;
use crate::measures::{CALLS, CPU, MEMORY, Measure, RATE, TAIL};
use crate::results::{Case, Figure, Kind, Limit, Report, Row};
use crate::statistics::Line;
use crate::wording::{about, bytes, connections, count, list, lossy, nanoseconds, number};

/// Lo que dicen los datos de una afirmación.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
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
pub(crate) struct Verdict {
    pub(crate) question: &'static str,
    /// Lo que se suele afirmar.
    pub(crate) claim: &'static str,
    /// Lo que dicen los datos.
    pub(crate) answer: Answer,
    /// Si otra ejecución del mismo código diría lo mismo.
    pub(crate) sure: bool,
    pub(crate) because: String,
}

impl Verdict {
    pub(crate) fn told(&self) -> &'static str {
        match (self.answer, self.sure) {
            (Answer::Unknown, _) => "estos datos no lo dicen",
            (Answer::Holds, true) => "sí, en esta máquina",
            (Answer::Fails, true) => "no, en esta máquina",
            (Answer::Depends, true) => "según el caso",
            (Answer::Holds, false) => {
                "parece que sí, pero no es seguro: otra ejecución podría decir que no"
            }
            (Answer::Fails, false) => {
                "parece que no, pero no es seguro: otra ejecución podría decir que sí"
            }
            (Answer::Depends, false) => {
                "parece que según el caso, pero no es seguro: otra ejecución podría decir otra cosa"
            }
        }
    }
}

/// Cómo cambia el costo por mensaje al crecer las conexiones ociosas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Growth {
    /// No se nota: O(1).
    Flat,
    /// Algo, sin llegar a doblarse.
    Some,
    /// Crece con ellas: O(n). Si lo describe una recta, tantos nanosegundos por cada una.
    Linear(Option<f64>),
}

/// Por debajo de esto, de la menor a la mayor, no crece. Deja sitio a las cachés del procesador,
/// que con más clientes en memoria aciertan algo menos.
const FLAT: f64 = 1.3;

/// Por encima de esto, crece.
const GROWS: f64 = 2.0;

/// Lo lejos que puede pasar una recta de un punto y describirlo todavía.
const ERROR: f64 = 0.25;

/// La menor diferencia de tamaño con la que se puede hablar de crecer.
const RANGE: usize = 10;

/// La parte de la memoria de la máquina a partir de la cual se tropieza con ella.
const TOO_MUCH: f64 = 0.5;

/// «Cientos de conexiones», en los apuntes.
const HUNDREDS: std::ops::RangeInclusive<usize> = 100..=3000;

const THREADS: &str = Engine::Threads.name();
const SELECT: &str = Engine::Select.name();
const POLL: &str = Engine::Poll.name();
const EPOLL: &str = Engine::Epoll.name();
const EDGE: &str = Engine::Edge.name();

/// Veces que se vuelve a preguntar, con los datos de otra ejecución posible.
const AGAIN: u64 = 100;

/// Las que hacen dudar, si responden otra cosa.
const DOUBT: u64 = AGAIN / 20;

// ANCHOR: sure
/// Todas las preguntas, en el orden en que se leen. Cada una se responde con los datos, y después con
/// los de otras cien ejecuciones que podrían haber salido: si no dicen casi todas lo mismo, el
/// veredicto no es seguro.
pub(crate) fn verdicts(report: &Report) -> Vec<Verdict> {
    let report = &report.settled();
    let mut verdicts = answers(report);
    let mut others = vec![0; verdicts.len()];
    // La semilla es fija: los mismos datos dicen siempre lo mismo.
    let mut chance = fastrand::Rng::with_seed(1);
    for _ in 0..AGAIN {
        for (place, other) in answers(&again(report, &mut chance)).iter().enumerate() {
            others[place] += u64::from(other.answer != verdicts[place].answer);
        }
    }
    for (verdict, others) in verdicts.iter_mut().zip(others) {
        verdict.sure = others < DOUBT;
    }
    verdicts
}
// ANCHOR_END: sure

/// Otra ejecución de lo mismo, como podría haber salido: rondas tomadas al azar de las que hubo, y
/// cada medida movida lo que se mueve de una ejecución a otra.
pub(crate) fn again(report: &Report, chance: &mut fastrand::Rng) -> Report {
    let (mut other, measures) = (report.clone(), report.look().measures);
    for row in &mut other.rows {
        let rounds: Vec<usize> = (0..row.rounds()).map(|_| chance.usize(..row.rounds())).collect();
        for (key, values) in &mut row.values {
            let measure = measures.iter().find(|measure| measure.key == key);
            // De lo que no se puede comparar, nada depende.
            let drift = measure.map_or(1.0, |measure| report.drift(measure));
            let drift = if drift.is_finite() { drift } else { 1.0 };
            let moved = drift.powf((chance.f64() - chance.f64()) / 2.0);
            let drawn = rounds.iter().filter_map(|&round| Some(values.get(round)? * moved));
            *values = drawn.collect();
        }
    }
    other
}

/// Lo que responden unos datos, y con qué cifras.
type Reply = (Answer, String);

/// Una pregunta, lo que se suele afirmar y quién responde.
type Question = (&'static str, &'static str, fn(&Report) -> Reply);

const QUESTIONS: [Question; 7] = [
    (
        "¿Cuánto cuesta una conexión ociosa?",
        "Un hilo por conexión tropieza con los límites de memoria",
        idle_cost,
    ),
    (
        "¿Cómo crece el costo por mensaje cuando crecen las conexiones ociosas?",
        "Con epoll, el núcleo hace el trabajo: no hay que preguntar por todos",
        cost_growth,
    ),
    ("¿Dónde se detiene select?", "select no pasa de 1024 descriptores", select_limit),
    (
        "¿Deja de ser viable un hilo por cliente con cientos de conexiones?",
        "Con cientos de conexiones, un hilo para cada una no siempre es viable",
        threads_scale,
    ),
    (
        "¿Lo hace mejor select?",
        "select resuelve el problema de los hilos cuando hay cientos de clientes",
        select_does_better,
    ),
    ("¿Cuándo gana el hilo por cliente?", "Nunca: siempre hay algo mejor", threads_win),
    ("¿Por nivel o por flanco?", "El disparo por flanco es más rápido", edge_or_level),
];

fn answers(report: &Report) -> Vec<Verdict> {
    let answer = |(question, claim, reply): Question| {
        let (answer, because) = reply(report);
        Verdict { question, claim, answer, sure: true, because: sentence(&because) }
    };
    if report.kind == Kind::Engines { QUESTIONS.map(answer).into() } else { Vec::new() }
}

// ANCHOR: growth
/// Cómo crece el costo por mensaje de un motor con las conexiones ociosas, y de cuánto a cuánto; `None`
/// si los datos no abarcan lo bastante.
pub(crate) fn growth(report: &Report, who: &str) -> Option<(Growth, Rise)> {
    let rise = Rise::of(report, report.idle(who))?;
    if rise.many.0 < rise.few.0 * RANGE {
        return None;
    }
    let points: Vec<(f64, f64)> = report
        .idle(who)
        .filter_map(|row| {
            Some((lossy(row.case.connections as u64), report.figure(row, &CPU)?.spread.median))
        })
        .collect();
    let line = Line::fit(&points)?;
    let growth = match rise.times() {
        flat if flat < FLAT => Growth::Flat,
        some if some < GROWS => Growth::Some,
        _ => Growth::Linear(line.fits(&points, ERROR).then_some(line.slope)),
    };
    Some((growth, rise))
}
// ANCHOR_END: growth

/// Lo que cuesta un mensaje con la menor y con la mayor cantidad de conexiones: las conexiones y la
/// cifra de cada una.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rise {
    few: (usize, Figure),
    many: (usize, Figure),
}

impl Rise {
    /// El de una serie, de menos a más conexiones.
    fn of<'a>(report: &Report, rows: impl Iterator<Item = &'a Row>) -> Option<Rise> {
        let mut costs =
            rows.filter_map(|row| Some((row.case.connections, report.figure(row, &CPU)?)));
        let few = costs.next()?;
        Some(Rise { few, many: costs.last()? })
    }

    fn times(&self) -> f64 {
        self.many.1.spread.median / self.few.1.spread.median
    }

    fn told(&self) -> String {
        let (few, many) = (&self.few, &self.many);
        format!("{} con {} y {} con {}", few.1, connections(few.0), many.1, connections(many.0))
    }
}

/// Memoria residente por conexión de un motor, en el mayor de sus casos con ociosas.
fn idle_memory<'a>(report: &'a Report, who: &'a str) -> Option<(usize, Figure)> {
    let largest = report.idle(who).last()?;
    Some((largest.case.connections, report.figure(largest, &MEMORY)?))
}

/// En qué es mejor una fila que otra, sin que lo explique el ruido.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Better {
    /// Gasta menos procesador por mensaje.
    cpu: bool,
    /// Da más mensajes por segundo.
    rate: bool,
    /// La espera que 99 de cada 100 no alcanzan es menor.
    tail: bool,
}

impl Better {
    fn between(report: &Report, one: &Row, other: &Row) -> Better {
        let below = |one, other, measure: &'static Measure| {
            let pair = report.figure(one, measure).zip(report.figure(other, measure));
            pair.is_some_and(|(one, other)| one.clearly_below(&other))
        };
        Better {
            cpu: below(one, other, &CPU),
            rate: below(other, one, &RATE),
            tail: below(one, other, &TAIL),
        }
    }

    fn describe(self) -> String {
        let parts = [
            (self.cpu, "gasta menos procesador"),
            (self.rate, "da más mensajes por segundo"),
            (self.tail, "hace esperar menos"),
        ];
        let parts: Vec<&str> = parts.into_iter().filter(|part| part.0).map(|part| part.1).collect();
        list(&parts)
    }
}

/// Los casos en que un hilo por cliente supera a `epoll`, con lo que mejora.
fn thread_wins(report: &Report) -> Vec<(&Case, Better)> {
    let wins = report.of(THREADS).filter_map(|threads| {
        let better = Better::between(report, threads, report.twin(&threads.case, EPOLL)?);
        (better != Better::default()).then_some((&threads.case, better))
    });
    wins.collect()
}

fn idle_cost(report: &Report) -> Reply {
    let costs: Vec<(&str, (usize, Figure))> = report
        .names()
        .into_iter()
        .filter_map(|who| Some((who, idle_memory(report, who)?)))
        .collect();
    let cost = |wanted| costs.iter().find(|(who, _)| *who == wanted).map(|&(_, cost)| cost);
    let each: Vec<String> =
        costs.iter().map(|(who, (_, cost))| format!("{cost} en {who}")).collect();
    let mut because = list(&each);
    // De quien cabe en memoria que ya tenía no se dice cuántas veces más ocupa otro.
    if let Some(((_, threads), (_, epoll))) = cost(THREADS).zip(cost(EPOLL))
        && epoll.spread.low >= 1.0
    {
        let _ = write!(
            because,
            ". Un hilo ocupa unas {} veces lo que un cliente de epoll; la memoria que el núcleo gasta \
             en cada socket va aparte, y es la misma para todos",
            about(threads.spread.median / epoll.spread.median)
        );
    }
    let machine = lossy(report.machine.memory_mib) * 1024.0 * 1024.0;
    let failed = report.rows.iter().any(|row| row.case.who == THREADS && row.trouble.is_some());
    let answer = match cost(THREADS) {
        // Si con más no llegó a funcionar, lo que ocupa con menos no dice por qué.
        Some((clients, each)) if machine > 0.0 && !failed => {
            let all = each.spread.median * lossy(clients as u64);
            let _ = write!(
                because,
                ". Entre {}, los hilos ocupan {}: el {} % de los {} MiB de esta máquina",
                connections(clients),
                bytes(all),
                number(100.0 * all / machine),
                count(report.machine.memory_mib)
            );
            if all > machine * TOO_MUCH { Answer::Holds } else { Answer::Fails }
        }
        _ => Answer::Unknown,
    };
    (answer, because)
}

fn cost_growth(report: &Report) -> Reply {
    let found: Vec<(&str, Growth, Rise)> = report
        .names()
        .into_iter()
        .filter_map(|who| growth(report, who).map(|(growth, rise)| (who, growth, rise)))
        .collect();
    let told = found.iter().map(|(who, growth, rise)| {
        let how = match growth {
            Growth::Flat => "no crece".to_owned(),
            Growth::Some => "crece, sin llegar a doblarse".to_owned(),
            Growth::Linear(Some(slope)) => {
                format!("crece {} por cada conexión ociosa", nanoseconds(*slope))
            }
            Growth::Linear(None) => {
                format!("crece, hasta {} veces, y no en línea recta", about(rise.times()))
            }
        };
        format!("en {who} {how} ({} → {})", rise.few.1, rise.many.1)
    });
    let told: Vec<String> = told.collect();
    let of = |wanted| found.iter().find(|(who, ..)| *who == wanted).map(|(_, growth, _)| *growth);
    let walkers = [of(SELECT), of(POLL)];
    let grow = walkers.iter().flatten().all(|growth| matches!(growth, Growth::Linear(_)));
    let answer = match of(EPOLL) {
        Some(Growth::Flat) if grow => Answer::Holds,
        Some(Growth::Flat) => Answer::Depends,
        Some(_) => Answer::Fails,
        None => Answer::Unknown,
    };
    (answer, told.join("; "))
}

fn select_limit(report: &Report) -> Reply {
    let Some(Limit { served, tried }) = report.select_limit else {
        return (Answer::Unknown, String::new());
    };
    let tried_all = connections(tried);
    if served == tried {
        let because = "faltaron descriptores para llegar al tope";
        return (
            Answer::Unknown,
            format!("Atendió a las {tried_all} que se le abrieron: {because}"),
        );
    }
    let because = format!(
        "En {served} de las {tried_all} que se le abrieron. Su conjunto tiene 1024 sitios, del \
         descriptor 0 al 1023, y unos pocos ya estaban ocupados"
    );
    (Answer::Holds, because)
}

/// El costo por mensaje con cientos de conexiones, frente al de unas pocas.
fn threads_scale(report: &Report) -> Reply {
    let up_to_hundreds = |row: &&Row| row.case.connections <= *HUNDREDS.end();
    let series = [
        ("Con las demás calladas", Rise::of(report, report.idle(THREADS).filter(up_to_hundreds))),
        ("Con todas activas", Rise::of(report, report.busy(THREADS).filter(up_to_hundreds))),
    ];
    let rises: Vec<(&str, Rise)> = series
        .into_iter()
        .filter_map(|(when, rise)| Some((when, rise?)))
        .filter(|(_, rise)| HUNDREDS.contains(&rise.many.0))
        .collect();
    let failed = report.rows.iter().find(|row| {
        let threads = row.case.who == THREADS && HUNDREDS.contains(&row.case.connections);
        threads && row.trouble.is_some()
    });
    let mut because: Vec<String> = rises
        .iter()
        .map(|(when, rise)| format!("{when}, un mensaje cuesta {}", rise.told()))
        .collect();
    if let Some(row) = failed {
        let trouble = row.trouble.as_deref().unwrap_or_default();
        because.push(format!("Con {}, {trouble}", row.case.size()));
    }
    let grows = rises.iter().any(|(_, rise)| rise.times() > GROWS);
    let answer = match (failed.is_some() || grows, rises.is_empty()) {
        (true, _) => Answer::Holds,
        (false, true) => Answer::Unknown,
        (false, false) => Answer::Fails,
    };
    (answer, because.join(". "))
}

fn select_does_better(report: &Report) -> Reply {
    let (mut better, mut told) = (0, Vec::new());
    for select in report.idle(SELECT).chain(report.busy(SELECT)) {
        let case = &select.case;
        if !HUNDREDS.contains(&case.connections) {
            continue;
        }
        let threads = report.twin(case, THREADS).and_then(|row| report.figure(row, &CPU));
        let Some((ours, theirs)) = report.figure(select, &CPU).zip(threads) else { continue };
        better += usize::from(ours.clearly_below(&theirs));
        told.push(format!("con {}, {ours} por mensaje en select y {theirs} en hilos", case.size()));
    }
    (some_of(better, told.len()), told.join("; "))
}

fn threads_win(report: &Report) -> Reply {
    let wins = thread_wins(report);
    let told: Vec<String> = wins
        .iter()
        .map(|(case, better)| format!("con {} {}", case.size(), better.describe()))
        .collect();
    if !report.of(THREADS).any(|row| report.twin(&row.case, EPOLL).is_some()) {
        (Answer::Unknown, String::new())
    } else if wins.is_empty() {
        let because = "En ninguno de los casos medidos mejora a epoll más allá del ruido";
        (Answer::Holds, because.to_owned())
    } else {
        (Answer::Fails, format!("Frente a epoll, {}", told.join("; ")))
    }
}

fn edge_or_level(report: &Report) -> Reply {
    let mut compared = 0;
    let (mut better, mut worse) = (Vec::new(), Vec::new());
    let mut calls = None;
    for edge in report.of(EDGE) {
        let Some(level) = report.twin(&edge.case, EPOLL) else { continue };
        let both = |measure| report.figure(edge, measure).zip(report.figure(level, measure));
        let Some((ours, theirs)) = both(&CPU) else { continue };
        compared += 1;
        if ours.clearly_below(&theirs) {
            better.push(edge.case.size());
        } else if theirs.clearly_below(&ours) {
            worse.push(edge.case.size());
        }
        // Solo de donde está en las tablas: con unas pocas activas.
        if edge.case.active < edge.case.connections {
            calls = both(&CALLS).map(|(ours, theirs)| (&edge.case, ours, theirs)).or(calls);
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
    if let Some((case, ours, theirs)) = calls
        && ours.spread.median - theirs.spread.median > 0.5
    {
        let _ = write!(
            because,
            ". Con {} hace {ours} llamadas al sistema por mensaje, y por nivel {theirs}: la de más es \
             la lectura que descubre que no queda nada",
            case.size()
        );
    }
    (some_of(better.len(), compared), because)
}

/// Lo que dicen `some` casos a favor de `all`.
fn some_of(some: usize, all: usize) -> Answer {
    match (some, all) {
        (_, 0) => Answer::Unknown,
        (0, _) => Answer::Fails,
        (some, all) if some == all => Answer::Holds,
        _ => Answer::Depends,
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

/// Con mayúscula y punto; si no hay nada que decir, que falta medirlo.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return "Falta medirlo.".to_owned() };
    format!("{}{}.", first.to_uppercase(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{engines, usual, usual_cost, usual_memory, with};
    use crate::report::terminal::{bars, tables};

    fn asked(report: &Report, question: &str) -> Verdict {
        let all = verdicts(report);
        all.into_iter().find(|verdict| verdict.question.contains(question)).unwrap()
    }

    fn answer(report: &Report, question: &str) -> Answer {
        asked(report, question).answer
    }

    fn growth_of(report: &Report, engine: Engine) -> Option<Growth> {
        growth(report, engine.name()).map(|(growth, _)| growth)
    }

    fn costing(cost: impl Fn(&Case) -> f64) -> Report {
        engines(cost, usual_memory)
    }

    #[test]
    fn con_datos_corrientes_los_apuntes_aciertan() {
        let report = usual();
        assert_eq!(growth_of(&report, Engine::Epoll), Some(Growth::Flat));
        assert_eq!(growth_of(&report, Engine::Threads), Some(Growth::Flat));
        let Some(Growth::Linear(Some(slope))) = growth_of(&report, Engine::Poll) else {
            panic!("poll crece con las conexiones ociosas");
        };
        assert!((slope - 12.0).abs() < 0.5, "{slope}");
        assert_eq!(answer(&report, "crece el costo"), Answer::Holds);
        assert_eq!(answer(&report, "se detiene select"), Answer::Holds);
        assert_eq!(answer(&report, "nivel o por flanco"), Answer::Fails);
        assert!(verdicts(&report).iter().all(|verdict| verdict.sure));
    }

    #[test]
    fn si_epoll_recorriera_a_todos_el_veredicto_sería_otro() {
        let worse = costing(|case| {
            let walk = if case.who == EPOLL { 12.0 } else { 0.0 };
            usual_cost(case) + walk * lossy(case.connections as u64)
        });
        assert!(matches!(growth_of(&worse, Engine::Epoll), Some(Growth::Linear(_))));
        assert_eq!(answer(&worse, "crece el costo"), Answer::Fails);
    }

    #[test]
    fn si_los_hilos_gastaran_más_con_más_clientes_no_serían_viables() {
        assert_eq!(answer(&usual(), "viable"), Answer::Fails);
        let worse = costing(|case| match case.who.as_str() {
            THREADS => 9000.0 + 40.0 * lossy(case.connections as u64),
            _ => usual_cost(case),
        });
        assert_eq!(answer(&worse, "viable"), Answer::Holds);
    }

    #[test]
    fn si_los_hilos_no_llegaran_a_cientos_no_serían_viables() {
        let mut report = usual();
        for row in &mut report.rows {
            if row.case.who == THREADS && row.case.connections == 1000 {
                row.values.clear();
                row.trouble = Some("atendió a 400 de 1000 conexiones".into());
            }
        }
        assert_eq!(answer(&report, "viable"), Answer::Holds);
    }

    #[test]
    fn la_memoria_de_los_hilos_se_juzga_con_la_de_la_máquina() {
        // Diez mil hilos de 10 000 bytes son 95 MiB.
        let mut report = usual();
        for (mib, wanted) in [(8192, Answer::Fails), (128, Answer::Holds), (0, Answer::Unknown)] {
            report.machine.memory_mib = mib;
            assert_eq!(answer(&report, "conexión ociosa"), wanted, "{mib} MiB");
        }
        report.machine.memory_mib = 8192;
        let mut failed = report.clone();
        failed.rows.iter_mut().for_each(|row| row.trouble = Some("se cayó".into()));
        assert_eq!(answer(&failed, "conexión ociosa"), Answer::Unknown);
        let because = asked(&report, "conexión ociosa").because;
        assert!(because.contains("95,4\u{202F}MiB: el 1,16 % de los 8192 MiB"), "{because}");
        let free = with(report.clone(), EPOLL, "bytes_per_connection", |_| 0.0);
        assert!(because.contains("unas 100 veces lo que un cliente de epoll"), "{because}");
        assert!(!asked(&free, "conexión ociosa").because.contains("veces"), "0 B no son pocos");
        report.machine.memory_mib = 185;
        assert!(!asked(&report, "conexión ociosa").sure, "la mitad justa no es segura");
    }

    #[test]
    fn el_hilo_por_cliente_gana_donde_los_datos_lo_dicen_y_solo_ahí() {
        assert_eq!(thread_wins(&usual()), []);
        assert_eq!(answer(&usual(), "gana el hilo"), Answer::Holds);
        let report = costing(|case| match (case.who.as_str(), case.connections) {
            (THREADS, 10) => 2000.0,
            _ => usual_cost(case),
        });
        let wins = thread_wins(&report);
        assert_eq!(wins.len(), 1);
        assert_eq!(wins[0].0.connections, 10);
        assert_eq!(wins[0].1, Better { cpu: true, rate: true, tail: false });
        assert_eq!(answer(&report, "gana el hilo"), Answer::Fails);
    }

    #[test]
    fn una_cifra_que_puso_el_generador_no_hace_perder_a_nadie() {
        let report = with(usual(), EPOLL, "messages_per_second", |_| 1000.0);
        let report = with(report, EPOLL, "p99_us", |_| 5000.0);
        let wins = thread_wins(&report);
        assert!(!wins.is_empty() && wins.iter().all(|(_, better)| better.rate && better.tail));
        let report = with(report, EPOLL, "generator_busy", |_| 0.99);
        assert_eq!(thread_wins(&with(report, EPOLL, "late_us", |_| 3000.0)), []);
    }

    #[test]
    fn el_disparo_por_flanco_se_juzga_diciendo_con_cuántas_conexiones() {
        let mut report = costing(|case| match (case.who.as_str(), case.connections, case.active) {
            (EDGE, 1000, 10) => 3000.0,
            (EDGE, ..) => 4000.0,
            _ => usual_cost(case),
        });
        let verdict = asked(&report, "nivel o por flanco");
        assert_eq!(verdict.answer, Answer::Depends);
        assert_eq!(
            verdict.because,
            "Por flanco gasta menos en 1 de 6 casos: con 1000 conexiones (10 activas)."
        );
        report = with(report, EDGE, "calls", |_| 3.0);
        let text = asked(&report, "nivel o por flanco").because;
        let calls =
            "Con 10\u{202F}000 conexiones (10 activas) hace 3,00 llamadas al sistema por mensaje";
        assert!(text.contains(calls), "{text}");
        assert_eq!(
            asked(&costing(|_| 4000.0), "nivel o por flanco").because,
            "En los 6 casos medidos no difieren más allá del ruido."
        );
    }

    #[test]
    fn una_diferencia_que_cabe_en_el_ruido_no_da_la_victoria() {
        let almost = costing(|case| match case.who.as_str() {
            THREADS => 3600.0,
            _ => usual_cost(case),
        });
        assert_eq!(thread_wins(&almost), []);
    }

    #[test]
    fn select_lo_hace_mejor_que_los_hilos_según_cuántos_callen() {
        // Con mil conexiones, de las que callan 990, recorrerlas cuesta más que un hilo.
        assert_eq!(answer(&usual(), "mejor select"), Answer::Depends);
        let report = costing(|case| usual_cost(&Case { connections: case.active, ..case.clone() }));
        assert_eq!(answer(&report, "mejor select"), Answer::Holds);
    }

    #[test]
    fn sin_datos_o_con_menos_de_tres_rondas_no_se_afirma_nada() {
        for rounds in [0, 2] {
            let mut report = usual();
            let columns = report.rows.iter_mut().flat_map(|row| row.values.values_mut());
            columns.for_each(|values| values.truncate(rounds));
            report.select_limit = None;
            for verdict in verdicts(&report) {
                assert_eq!(verdict.answer, Answer::Unknown, "{}", verdict.question);
                assert_eq!(verdict.told(), "estos datos no lo dicen");
            }
        }
    }

    /// Un experimento en que epoll gasta tantas veces más con diez mil conexiones.
    fn growing(times: f64) -> Report {
        costing(|case| match (case.who.as_str(), case.connections, case.active) {
            (EPOLL, 10_000, 10) => 4000.0 * times,
            (EPOLL, ..) => 4000.0,
            _ => usual_cost(case),
        })
    }

    #[test]
    fn crecer_es_doblarse_y_no_crecer_es_quedarse_en_menos_de_un_tercio() {
        let growth = |times| growth_of(&growing(times), Engine::Epoll).unwrap();
        assert_eq!(growth(1.25), Growth::Flat);
        assert_eq!(growth(1.4), Growth::Some);
        assert_eq!(growth(1.9), Growth::Some);
        assert!(matches!(growth(2.5), Growth::Linear(_)));
    }

    #[test]
    fn lo_que_se_dobla_nunca_se_dice_que_no_llega_a_doblarse() {
        // De 5,47 a 11,1 µs es doblarse, pase por donde pase la recta.
        let bent = costing(|case| match (case.who.as_str(), case.connections) {
            (POLL, 10) => 5470.0,
            (POLL, 100) => 9000.0,
            (POLL, 1000) => 11_000.0,
            (POLL, _) => 11_100.0,
            _ => usual_cost(case),
        });
        let because = asked(&bent, "crece el costo").because;
        let wanted =
            "en poll crece, hasta 2 veces, y no en línea recta (5,47\u{202F}µs → 11,1\u{202F}µs)";
        assert!(
            because.contains(wanted) && !because.contains("sin llegar a doblarse"),
            "{because}"
        );
    }

    #[test]
    fn una_recta_que_no_pasa_por_los_puntos_no_se_cita() {
        // Los de una medida de verdad: la recta daba 116 µs donde se midieron 174.
        let real = [(10, 3990.0), (100, 5290.0), (1000, 12_000.0), (10_000, 174_000.0)];
        let report = costing(|case| match case.who.as_str() {
            POLL => real.iter().find(|(size, _)| *size == case.connections).unwrap().1,
            _ => usual_cost(case),
        });
        assert_eq!(growth_of(&report, Engine::Poll), Some(Growth::Linear(None)));
        let because = asked(&report, "crece el costo").because;
        assert!(
            because.contains("en poll crece, hasta 44 veces, y no en línea recta"),
            "{because}"
        );
        assert!(because.contains("en select crece 12,0\u{202F}ns por cada"), "{because}");
    }

    #[test]
    fn lo_que_otra_ejecución_cambiaría_no_es_seguro() {
        let told = |times| asked(&growing(times), "crece el costo").told();
        assert_eq!(told(1.0), "sí, en esta máquina");
        assert!(told(1.28).starts_with("parece que sí, pero no es seguro"));
        assert!(told(1.32).starts_with("parece que no, pero no es seguro"));
        assert_eq!(told(4.0), "no, en esta máquina");
        let mut noisy = growing(1.2);
        assert!(asked(&noisy, "crece el costo").sure);
        noisy.neighbours.processors = 0.8;
        assert!(!asked(&noisy, "crece el costo").sure, "con ruido se está menos seguro");
    }

    #[test]
    fn un_veredicto_seguro_lo_es_también_en_otras_ejecuciones_y_el_mismo_dice_lo_mismo() {
        let mut chance = fastrand::Rng::with_seed(3);
        for report in [usual(), growing(1.32), growing(1.9)] {
            let first = verdicts(&report);
            for _ in 0..4 {
                for (verdict, other) in first.iter().zip(verdicts(&again(&report, &mut chance))) {
                    let same = verdict.answer == other.answer;
                    assert!(same || !verdict.sure || !other.sure, "{verdict:?} {other:?}");
                }
            }
            let again: Vec<&str> = verdicts(&report).iter().map(Verdict::told).collect();
            assert_eq!(first.iter().map(Verdict::told).collect::<Vec<_>>(), again);
        }
    }

    #[test]
    fn toda_cifra_de_un_veredicto_está_en_sus_tablas() {
        let mut chance = fastrand::Rng::with_seed(5);
        for _ in 0..10 {
            let report = again(&growing(1.0 + 3.0 * chance.f64()), &mut chance);
            let shown = format!("{}\n{}", bars(&report), tables(&report));
            let all = verdicts(&report);
            for verdict in all.iter().filter(|verdict| !verdict.question.contains("ociosa?")) {
                let words = verdict.because.split([' ', '(', ')', ';']);
                let figures = words.map(|word| word.trim_end_matches(['.', ',']));
                for figure in figures.filter(|word| word.ends_with("µs")) {
                    assert!(shown.contains(figure), "«{figure}» no está: {verdict:?}\n{shown}");
                }
            }
        }
    }

    #[test]
    fn de_tamaños_parecidos_no_se_deduce_cómo_crece() {
        let between = |sizes: [usize; 2]| {
            let mut report = usual();
            report.rows.retain(|row| sizes.contains(&row.case.connections));
            report
        };
        assert_eq!(growth_of(&between([1000, 10_000]), Engine::Epoll), Some(Growth::Flat));
        let one_size = between([1000, 1000]);
        assert_eq!(growth_of(&one_size, Engine::Epoll), None);
        assert_eq!(answer(&one_size, "crece el costo"), Answer::Unknown);
        let mut report = between([10, 100]);
        for row in report.rows.iter_mut().filter(|row| row.case.connections == 100) {
            (row.case.connections, row.case.active) = (90, row.case.active.min(10));
        }
        assert_eq!(growth_of(&report, Engine::Epoll), None);
    }
}

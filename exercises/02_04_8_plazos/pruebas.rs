//! Las pruebas de 02_04_8_plazos: casi todas con una hora inventada; las últimas, con sockets.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod patience;
pub mod server;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ejercicio::{Deadlines, Pace, timeout};
use ejercicios::prelude::*;
use nix::sys::epoll::EpollTimeout;
use patience::{Patience, Progress};
use server::serve;

/// Los plazos de las pruebas sin sockets. La hora es inventada: nadie los espera.
const PATIENCE: Patience =
    Patience { head: Duration::from_secs(10), idle: Duration::from_secs(60) };

/// Un plazo que sí se espera.
const SHORT: Duration = Duration::from_millis(250);

/// Uno que no vence mientras dure una prueba.
const LONG: Duration = Duration::from_secs(60);

/// Vueltas del bucle que ninguna prueba necesita. Quien no duerme da muchas más.
const MANY_TURNS: usize = 50;

ejercicios::tests! {
    sin_nadie_no_hay_plazo,
    el_próximo_es_el_más_cercano,
    cambiar_un_plazo_sustituye_al_que_había,
    quien_se_va_no_despierta_a_nadie,
    vencen_por_orden_y_una_sola_vez,
    dos_pueden_vencer_a_la_vez,
    lo_que_se_quita_se_quita_de_las_dos_cuentas,
    sin_plazo_se_duerme_sin_límite,
    con_plazo_se_duerme_lo_que_falta,
    se_redondea_hacia_arriba,
    un_plazo_que_ya_pasó_no_espera,
    un_plazo_lejano_no_desborda,
    a_quien_acaba_de_llegar_se_le_espera_idle,
    la_cabecera_tiene_su_plazo_desde_el_primer_byte,
    cada_byte_no_renueva_el_plazo,
    al_acabar_la_cabecera_vuelve_a_ser_idle,
    la_cabecera_que_llega_detrás_de_otra_estrena_plazo,
    las_líneas_vacías_no_son_actividad,
    el_servidor_cierra_a_quien_calla,
    el_servidor_dice_408_a_quien_no_acaba,
    el_servidor_no_se_deja_engañar_byte_a_byte,
    el_servidor_duerme_mientras_no_vence_nada,
}

fn sin_nadie_no_hay_plazo() -> Outcome {
    with_deadlines(|clock| clock.next_is(None, "sin ningún cliente"))
}

fn el_próximo_es_el_más_cercano() -> Outcome {
    with_deadlines(|clock| {
        for (id, second) in [(1, 30), (2, 10), (3, 20)] {
            clock.set(id, second);
        }
        clock.next_is(Some(10), "con plazos a los 30, 10 y 20 s")
    })
}

fn cambiar_un_plazo_sustituye_al_que_había() -> Outcome {
    with_deadlines(|clock| {
        clock.set(1, 10);
        clock.set(1, 30);
        clock.next_is(Some(30), "si el plazo de un cliente era a los 10 s y pasa a los 30")?;
        clock.expires(20, &[], "si el plazo de los 10 s se cambió por otro a los 30")?;
        clock.set(1, 15);
        clock.next_is(Some(15), "si después pasa a los 15")
    })
    .hint("el plazo anterior ya no vale: hay que quitarlo de los dos sitios")
}

fn quien_se_va_no_despierta_a_nadie() -> Outcome {
    with_deadlines(|clock| {
        clock.set(1, 10);
        clock.set(2, 20);
        clock.deadlines.remove(1);
        let when = "si se fue el cliente que vencía a los 10 s y queda otro, a los 20";
        clock.next_is(Some(20), when)?;
        clock.deadlines.remove(1);
        clock.deadlines.remove(7);
        clock.next_is(Some(20), "si se quita a quien no está")?;
        clock.deadlines.remove(2);
        clock.next_is(None, "si ya se fueron todos")?;
        clock.expires(100, &[], "si ya se fueron todos")
    })
    .hint("un plazo de quien ya no está despierta al bucle para nada: `remove` lo quita")
}

fn vencen_por_orden_y_una_sola_vez() -> Outcome {
    with_deadlines(|clock| {
        for (id, second) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
            clock.set(id, second);
        }
        clock.expires(5, &[], "antes del primero")?;
        let when = "con plazos a los 10, a los 20 y a los 30, que son justo ahora";
        clock.expires(30, &[2, 3, 1], when)?;
        clock.expires(30, &[], "si acaban de vencer")?;
        clock.next_is(Some(40), "si vencieron los de 10, 20 y 30 s y queda uno, a los 40")?;
        clock.set(2, 50);
        clock.expires(60, &[4, 2], "si al cliente 2 se le puso otro plazo, a los 50")?;
        clock.next_is(None, "si vencieron todos")
    })
}

fn dos_pueden_vencer_a_la_vez() -> Outcome {
    with_deadlines(|clock| {
        for id in [5, 3, 4] {
            clock.set(id, 10);
        }
        clock.deadlines.remove(4);
        let mut expired = clock.deadlines.expired(clock.at(10));
        expired.sort_unstable();
        ensure_equal("quiénes vencen, si dos tienen el mismo plazo", vec![3, 5], expired)
    })
}

fn lo_que_se_quita_se_quita_de_las_dos_cuentas() -> Outcome {
    with_deadlines(|clock| {
        for (id, second) in [(1, 10), (2, 20), (3, 30)] {
            clock.set(id, second);
        }
        clock.keeps_one_account("con tres plazos")?;
        clock.set(3, 40);
        clock.keeps_one_account("tras cambiar el de uno")?;
        clock.deadlines.remove(2);
        clock.keeps_one_account("tras quitar el de otro")?;
        clock.deadlines.expired(clock.at(10));
        clock.keeps_one_account("tras vencer el del tercero")
    })
}

fn sin_plazo_se_duerme_sin_límite() -> Outcome {
    let start = Instant::now();
    let got = milliseconds(None, start)?;
    ensure_equal("los milisegundos que duerme `epoll_wait` si no hay plazo", None, got)
        .hint("sin nadie a quien esperar no hay por qué despertar: EpollTimeout::NONE")
}

fn con_plazo_se_duerme_lo_que_falta() -> Outcome {
    for left in [1, 250, 10_000, 3_600_000] {
        let what = format!("si al plazo le faltan {left} ms justos");
        sleeps(Duration::from_millis(left), left, &what)
            .hint("redondear hacia arriba no es sumar uno: lo que ya es entero se queda igual")?;
    }
    Ok(())
}

fn se_redondea_hacia_arriba() -> Outcome {
    let start = Instant::now();
    for (nanos, expected) in
        [(1, 1), (400_000, 1), (999_999, 1), (1_000_001, 2), (250_000_001, 251)]
    {
        let left = Duration::from_nanos(nanos);
        let got = milliseconds(Some(start + left), start)?;
        ensure(got == Some(expected), || {
            let got = got.map_or("sin límite".to_owned(), |got| format!("{got} ms"));
            format!(
                "Al plazo le faltan {nanos} ns, y `timeout` dice {got}: debían ser {expected} ms. \
                 Si despierta antes de la hora aún no vence nada, y volverá a dormir 0 ms una y otra \
                 vez: el último milisegundo de cada plazo sería un bucle sin descanso."
            )
        })?;
    }
    Ok(())
}

fn un_plazo_que_ya_pasó_no_espera() -> Outcome {
    let start = Instant::now();
    for late in [Duration::ZERO, Duration::from_millis(5), Duration::from_secs(5)] {
        let got = milliseconds(Some(start), start + late)?;
        ensure_equal(
            format!(
                "los milisegundos que duerme `epoll_wait` si el plazo pasó hace {} ms",
                late.as_millis()
            ),
            Some(0),
            got,
        )?;
    }
    Ok(())
}

fn un_plazo_lejano_no_desborda() -> Outcome {
    // `epoll_wait` cuenta los milisegundos en 32 bits con signo: unos 24 días.
    let most = u64::from(u32::MAX / 2);
    sleeps(Duration::from_secs(100 * 24 * 60 * 60), most, "si al plazo le faltan cien días").hint(
        "ese límite es un i32, y cien días no caben: se duerme cuanto se puede, \
         EpollTimeout::MAX, y al despertar se vuelve a calcular",
    )
}

fn a_quien_acaba_de_llegar_se_le_espera_idle() -> Outcome {
    Visit::at(100)?.is_awaited_until(160, false, "de quien llegó en el segundo 100 y aún calla")
}

fn la_cabecera_tiene_su_plazo_desde_el_primer_byte() -> Outcome {
    let mut visit = Visit::at(100)?;
    visit.reads(130, HALF_HEAD)?;
    visit.is_awaited_until(
        140,
        true,
        "de quien envió en el segundo 130 la primera parte de una cabecera",
    )
}

fn cada_byte_no_renueva_el_plazo() -> Outcome {
    let mut visit = Visit::at(100)?;
    visit.reads(130, HALF_HEAD)?;
    for second in 131..140 {
        visit.reads(second, HALF_HEAD)?;
        let when = format!(
            "de quien empezó una cabecera en el segundo 130, y en el {second} envía un trozo más, sin acabarla"
        );
        visit.is_awaited_until(140, true, &when).hint(
            "si cada byte renovara el plazo, uno cada nueve segundos compraría el sitio para \
             siempre: el plazo de una cabecera cuenta desde su primer byte",
        )?;
    }
    Ok(())
}

fn al_acabar_la_cabecera_vuelve_a_ser_idle() -> Outcome {
    let mut visit = Visit::at(100)?;
    visit.reads(130, HALF_HEAD)?;
    visit.reads(135, ANSWERED)?;
    let when = "de quien acabó una petición en el segundo 135 y no ha empezado otra";
    visit.is_awaited_until(195, false, when)?;
    visit.reads(150, ANSWERED)?;
    visit.is_awaited_until(210, false, "de quien hizo otra, entera, en el segundo 150")?;
    visit.reads(200, HALF_HEAD)?;
    visit.is_awaited_until(210, true, "de quien empezó la siguiente en el segundo 200")
}

fn la_cabecera_que_llega_detrás_de_otra_estrena_plazo() -> Outcome {
    let mut visit = Visit::at(100)?;
    visit.reads(130, HALF_HEAD)?;
    visit.reads(138, Progress { answered: true, in_head: true })?;
    visit
        .is_awaited_until(
            148,
            true,
            "de quien en el segundo 138 acabó una petición y empezó la siguiente",
        )
        .hint("es otra cabecera: su primer byte llegó ahora")
}

fn las_líneas_vacías_no_son_actividad() -> Outcome {
    let mut visit = Visit::at(100)?;
    for second in [110, 150, 159] {
        visit.reads(second, Progress { answered: false, in_head: false })?;
        visit
            .is_awaited_until(
                160,
                false,
                "de quien llegó en el segundo 100 y solo envía líneas vacías",
            )
            .hint("no pidió nada: sigue tan ocioso como estaba")?;
    }
    Ok(())
}

fn el_servidor_cierra_a_quien_calla() -> Outcome {
    with_server(Patience { head: LONG, idle: SHORT }, |web, _| {
        web.peer("callado")?.expect_end()?;
        // Si con él hubiera terminado el servidor, este no podría ni llegar.
        let mut other = web.peer("otro")?;
        other.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
        other.expect_response().map(drop)
    })
}

fn el_servidor_dice_408_a_quien_no_acaba() -> Outcome {
    with_server(Patience { head: SHORT, idle: LONG }, |web, _| {
        let mut slow = web.peer("quien no acaba")?;
        slow.send("GET / HTTP/1.1\r\nHost: x\r\n")?;
        let response = slow.expect_response()?;
        ensure_equal("el código de la respuesta", 408, response.status)?;
        slow.expect_end()
    })
}

fn el_servidor_no_se_deja_engañar_byte_a_byte() -> Outcome {
    with_server(Patience { head: SHORT, idle: LONG }, |web, _| {
        let mut slow = web.peer("quien envía un byte cada poco")?;
        let started = Instant::now();
        // A quien ya cerró no le llega nada más: es la señal.
        while slow.try_send("x") > 0 {
            if started.elapsed() > LIMIT {
                return Err(Failure::new(format!(
                    "Una cabecera tenía {} ms, y quien la envía a un byte cada 10 ms sigue \
                     conectado a los {} s.",
                    SHORT.as_millis(),
                    LIMIT.as_secs()
                ))
                .hint("¿cada byte le renueva el plazo?"));
            }
            slow.pause(Duration::from_millis(10));
        }
        still_serves(web)
    })
}

fn el_servidor_duerme_mientras_no_vence_nada() -> Outcome {
    with_server(Patience { head: SHORT, idle: LONG }, |web, turns| {
        let mut idle = web.peer("quien pidió y calla")?;
        idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
        ensure_equal("el código de la respuesta", 200, idle.expect_response()?.status)?;
        let mut slow = web.peer("quien no acaba")?;
        slow.send("GET / HT")?;
        slow.expect_response()?;
        slow.expect_end()?;
        let turns = turns.load(Ordering::Relaxed);
        ensure(turns < MANY_TURNS, || {
            format!(
                "El bucle dio {turns} vueltas para atender a dos clientes, y con menos de diez \
                 bastaba: despierta sin tener nada que hacer."
            )
        })
    })
}

by_hand!(|listener| {
    let patience = Patience { head: Duration::from_secs(5), idle: Duration::from_secs(15) };
    let mut number = 0;
    serve(&listener, &patience, |turn| {
        number += 1;
        let limit =
            limit(turn.timeout).map_or("sin límite".to_owned(), |limit| format!("{limit} ms"));
        writeln!(
            io::stdout(),
            "despertar {number}: podía dormir {limit}; eventos: {}, plazos vencidos: {}",
            turn.events,
            turn.expired
        )
    })
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let seen = hands.run("for i in")?;
    ensure(seen.starts_with("HTTP/1.1 408 "), || seen)?;
    // A este se le cierra a los quince segundos.
    let _silent = hands.open("nc 127")?;
    hands.wait_for_connections(1)
});

/// Llegó un trozo de cabecera, y no está entera.
const HALF_HEAD: Progress = Progress { answered: false, in_head: true };
/// Se acabó una petición, y no hay nada detrás.
const ANSWERED: Progress = Progress { answered: true, in_head: false };

/// Unos plazos y un reloj inventado, en segundos.
struct Clock {
    start: Instant,
    deadlines: Deadlines,
}

impl Clock {
    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    fn set(&mut self, id: u64, second: u64) {
        let when = self.at(second);
        self.deadlines.set(id, when);
    }

    fn next_is(&self, second: Option<u64>, when: &str) -> Outcome {
        let got = self.deadlines.next().map(|next| next.duration_since(self.start).as_secs());
        ensure_equal(format!("el segundo del plazo más próximo, {when}"), &second, &got)
    }

    /// En las dos cuentas está lo mismo.
    fn keeps_one_account(&self, when: &str) -> Outcome {
        let seconds = |when: &Instant| when.duration_since(self.start).as_secs();
        let by_time = self.deadlines.by_time.iter().map(|(when, id)| (*id, seconds(when)));
        let by_client = self.deadlines.by_client.iter().map(|(id, when)| (*id, seconds(when)));
        let (by_time, by_client): (BTreeSet<_>, BTreeSet<_>) =
            (by_time.collect(), by_client.collect());
        ensure(by_time == by_client, || {
            let shown = |account: &BTreeSet<(u64, u64)>| {
                let each =
                    account.iter().map(|(id, second)| format!("el del {id}, a los {second} s"));
                let each: Vec<_> = each.collect();
                if each.is_empty() { "ninguno".to_owned() } else { each.join("; ") }
            };
            format!(
                "Las dos cuentas no dicen lo mismo {when}. Los plazos de `by_time` son {}; los de \
                 `by_client`, {}. Lo que se quita de una se quita de la otra: si no, lo de quien se fue \
                 se queda ahí para siempre, y tu servidor crece con cada cliente.",
                shown(&by_time),
                shown(&by_client)
            )
        })
    }

    fn expires(&mut self, second: u64, expected: &[u64], when: &str) -> Outcome {
        let expired = self.deadlines.expired(self.at(second));
        let what = format!("a quiénes les vence el plazo en el segundo {second}, {when}");
        ensure_equal(what, expected, expired.as_slice())
    }
}

fn with_deadlines(script: impl FnOnce(&mut Clock) -> Outcome + Send + 'static) -> Outcome {
    within(LIMIT, "llevar la cuenta de unos plazos", move || {
        script(&mut Clock { start: Instant::now(), deadlines: Deadlines::default() })
    })?
}

/// Lo que dice `timeout`, en milisegundos; nada, si es sin límite.
fn milliseconds(next: Option<Instant>, now: Instant) -> Result<Option<u64>, Failure> {
    let got = within(LIMIT, "calcular cuánto se duerme", move || timeout(next, now))?;
    Ok(limit(got))
}

/// Los milisegundos de un límite. Uno negativo es no tenerlo (epoll_wait(2)).
fn limit(timeout: EpollTimeout) -> Option<u64> {
    u64::try_from(i32::from(timeout)).ok()
}

fn sleeps(left: Duration, expected: u64, when: &str) -> Outcome {
    let start = Instant::now();
    let got = milliseconds(Some(start + left), start)?;
    ensure_equal(format!("los milisegundos que duerme `epoll_wait` {when}"), Some(expected), got)
}

/// Un cliente y un reloj inventado, en segundos.
struct Visit {
    start: Instant,
    pace: Pace,
}

impl Visit {
    /// Llega en ese segundo.
    fn at(second: u64) -> Result<Visit, Failure> {
        let start = Instant::now();
        let now = start + Duration::from_secs(second);
        let pace = within(LIMIT, "recibir a un cliente", move || Pace::new(&PATIENCE, now))?;
        Ok(Visit { start, pace })
    }

    fn reads(&mut self, second: u64, progress: Progress) -> Outcome {
        let now = self.start + Duration::from_secs(second);
        let mut pace = Pace { deadline: self.pace.deadline, in_head: self.pace.in_head };
        self.pace = within(LIMIT, "anotar una lectura", move || {
            pace.on_read(progress, &PATIENCE, now);
            pace
        })?;
        Ok(())
    }

    fn is_awaited_until(&self, second: u64, in_head: bool, who: &str) -> Outcome {
        let got = self.pace.deadline.duration_since(self.start).as_secs();
        ensure_equal(format!("el segundo del plazo (head 10 s, idle 60 s) {who}"), &second, &got)?;
        ensure_equal(format!("`in_head` {who}"), &in_head, &self.pace.in_head)
            .hint("`in_head` dice si queda una cabecera a medias después de esta lectura")
    }
}

/// Que se cerrara una conexión no vale si con ella terminó el servidor.
fn still_serves(web: &Conversation) -> Outcome {
    let mut other = web.peer("otro")?;
    other.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    ensure_equal("el código de la respuesta a otro", 200, other.expect_response()?.status)
}

/// Pone en marcha el servidor y sigue el guion, que puede mirar cuántas vueltas lleva.
fn with_server(
    patience: Patience,
    script: impl FnOnce(&Conversation, &AtomicUsize) -> Outcome,
) -> Outcome {
    let (listener, web) = listening()?;
    let turns = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&turns);
    let server = Task::start("el servidor", move || {
        serve(&listener, &patience, |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    })?;
    server.explain_what_it_does(script(&web, &turns))
}

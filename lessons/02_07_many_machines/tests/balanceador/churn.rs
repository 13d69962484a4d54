//! Un rato hablando mientras se rompe casi todo, con cuentas al final.
//!
//! Qué se promete: lo que un servidor aceptó lo oyen todos los que siguen dentro, una vez y en el mismo
//! orden. De quien pierde su conexión, lo último que dijo queda en duda: sale una vez o ninguna. Aquí
//! cada uno dice algo nuevo cuando sabe que lo anterior se oyó, o cuando ha vuelto: en duda queda, como
//! mucho, una línea por cada corte.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Conversation, Failure, Peer, Running, Server, chat};

use crate::clients::{BACK, LOST, client, count};
use crate::house::House;
use crate::{LIMIT, Outcome};

/// Mensajes que se oyen entre una avería y otra.
const A_WHILE: usize = 150;

/// Cuánto se habla antes, entre y después de las averías, en la prueba larga.
const A_THIRD: Duration = Duration::from_secs(20);

/// Lo que se deja, tras volver, a que salga lo que estaba en duda.
const DOUBT: Duration = Duration::from_secs(3);

const TALKERS: [(usize, &str); 6] =
    [(1, "ana"), (1, "beto"), (2, "carla"), (2, "dora"), (3, "eva"), (3, "fito")];

type Log = Mutex<Vec<String>>;

fn lock(log: &Log) -> MutexGuard<'_, Vec<String>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

fn line(name: &str, number: usize) -> String {
    format!("#[{name}@127.0.0.1]>> {number}")
}

/// Apunta todo lo que oye, hasta que alguien diga «fin».
fn witness(mut peer: Peer, log: &Log) -> Outcome {
    loop {
        let text = peer.next_frame()?;
        let over = text.ends_with(">> fin");
        lock(log).push(text);
        if over {
            return Ok(());
        }
    }
}

/// Qué dijo uno: cuántas líneas, y cuáles quedaron en duda.
struct Talk {
    name: &'static str,
    said: usize,
    doubtful: HashSet<usize>,
}

/// Habla hasta que ya no haya averías.
fn talk(
    name: &'static str,
    program: &Running,
    log: &Log,
    over: &AtomicBool,
) -> Result<Talk, Failure> {
    let mut talk = Talk { name, said: 0, doubtful: HashSet::new() };
    while !over.load(Ordering::Relaxed) {
        let returns = count(program, BACK);
        talk.said += 1;
        program.write_stdin(format!("{}\n", talk.said));
        let expected = line(name, talk.said);
        let heard = || lock(log).contains(&expected);
        program.eventually("se oyera, o volviera", LIMIT, || {
            heard() || count(program, BACK) > returns
        })?;
        if !heard() {
            talk.doubtful.insert(talk.said);
            // No llegar es una de las dos cosas que pueden pasar.
            let _ = harness::eventually("saliera", DOUBT, heard);
        }
    }
    Ok(talk)
}

#[test]
fn un_rato_con_un_servidor_muerto_y_el_intermediario_reiniciado() -> Outcome {
    println!("{}", broken(some_more)?);
    Ok(())
}

/// La medida del capítulo.
#[test]
#[ignore = "dura un minuto"]
fn un_minuto_con_un_servidor_muerto_y_el_intermediario_reiniciado() -> Outcome {
    let a_third = |log: &Log| {
        let start = Instant::now();
        some_more(log)?;
        harness::eventually("pasara un tercio de minuto", LIMIT, || start.elapsed() > A_THIRD)
    };
    println!("{}", broken(a_third)?);
    Ok(())
}

/// Muere un servidor y se reinicia el intermediario. Se habla antes, entre medias y después: lo que dura
/// cada rato lo dice `some_more`. Devuelve las cuentas; nada, si falta con qué.
fn broken(some_more: impl Fn(&Log) -> Outcome) -> Result<String, Failure> {
    let Some(house) = House::open(3)? else { return Ok(String::new()) };
    let witnesses = [house.member(2, "testigo")?, house.member(3, "otra")?];
    season(&house, witnesses, |log| {
        some_more(log)?;
        house.kill(1)?;
        some_more(log)?;
        house.start(1)?;
        house.redis.kill();
        house.redis.restart()?;
        some_more(log)
    })
}

/// Quien oye está fuera de la casa, en servidores que nadie sustituye.
#[test]
fn un_rato_en_el_que_se_sustituyen_todos_los_servidores() -> Outcome {
    let Some(house) = House::open(3)? else { return Ok(()) };
    let outside = [house.redis.server()?, house.redis.server()?];
    let join = |server: &Server, name| {
        chat::join(&Conversation::in_frames(server.address()).limit(LIMIT), name)
    };
    let witnesses = [join(&outside[0], "testigo")?, join(&outside[1], "otra")?];
    let account = season(&house, witnesses, |log| {
        (1..=3).try_for_each(|number| {
            some_more(log)?;
            house.replace(number)
        })?;
        some_more(log)
    })?;
    println!("{account}");
    Ok(())
}

/// Espera a que se hable un rato.
fn some_more(log: &Log) -> Outcome {
    let heard = lock(log).len();
    harness::eventually("se hablara", LIMIT, || lock(log).len() > heard + A_WHILE)
}

/// Todos hablan mientras ocurre `trouble`, y al final se echan cuentas, que devuelve.
fn season(
    house: &House,
    [mut one, other]: [Peer; 2],
    trouble: impl FnOnce(&Log) -> Outcome,
) -> Result<String, Failure> {
    let (first, second) = (Log::default(), Log::default());
    one.expect_frame("(Conectado: nuevo cliente (2) desde otra@127.0.0.1)")?;
    let programs = everybody_enters(house, &mut one)?;
    let over = AtomicBool::new(false);
    let talks = thread::scope(|scope| {
        let witnesses =
            [scope.spawn(|| witness(one, &first)), scope.spawn(|| witness(other, &second))];
        let talkers: Vec<_> = TALKERS
            .iter()
            .zip(&programs)
            .map(|((_, name), program)| {
                let (log, over) = (&first, &over);
                scope.spawn(move || talk(name, program, log, over))
            })
            .collect();
        let broken = trouble(&first);
        over.store(true, Ordering::Relaxed);
        let talks: Result<Vec<Talk>, Failure> =
            talkers.into_iter().map(|one| one.join().expect("un hilo de la prueba")).collect();
        // Pase lo que pase, que los testigos terminen.
        let mut last = chat::join(&house.talk(), "la última")?;
        last.send_frame("fin")?;
        for witness in witnesses {
            witness.join().expect("un hilo de la prueba")?;
        }
        broken.and(talks)
    })?;
    let (first, second) = (lock(&first).clone(), lock(&second).clone());
    Ok(check(&talks, &programs, &first, &second))
}

fn everybody_enters(house: &House, witness: &mut Peer) -> Result<Vec<Running>, Failure> {
    let mut programs = Vec::new();
    for (server, name) in TALKERS {
        programs.push(house.through(server, || {
            let program = client(name, house.entrance())?;
            let arrival = witness.next_frame()?;
            assert!(arrival.contains(&format!("desde {name}@")), "{arrival}");
            Ok(program)
        })?);
    }
    Ok(programs)
}

fn check(talks: &[Talk], programs: &[Running], first: &[String], second: &[String]) -> String {
    let said_in = |log: &[String]| -> Vec<String> {
        log.iter().filter(|text| text.starts_with("#[")).cloned().collect()
    };
    let (first, second) = (said_in(first), said_in(second));
    // Los dos testigos, en servidores distintos, oyeron lo mismo y en el mismo orden.
    assert!(first == second, "los dos testigos no oyeron lo mismo");
    let (mut lost, mut doubled, mut disordered, mut doubtful, mut gone) = (0, 0, 0, 0, 0);
    for (talk, program) in talks.iter().zip(programs) {
        let start = line(talk.name, 0);
        let heard: Vec<usize> = first
            .iter()
            .filter_map(|text| text.strip_prefix(start.trim_end_matches('0'))?.parse().ok())
            .collect();
        let once: HashSet<usize> = heard.iter().copied().collect();
        doubled += heard.len() - once.len();
        disordered += heard.windows(2).filter(|pair| pair[1] < pair[0]).count();
        let absent = (1..=talk.said).filter(|number| !once.contains(number));
        let (in_doubt, broken): (Vec<_>, Vec<_>) =
            absent.partition(|number| talk.doubtful.contains(number));
        lost += broken.len();
        gone += in_doubt.len();
        doubtful += talk.doubtful.len();
        assert!(talk.doubtful.len() <= count(program, LOST), "{}", program.stdout());
    }
    let said: usize = talks.iter().map(|talk| talk.said).sum();
    let account = format!(
        "dichas: {said}; perdidas: {lost}; dobles: {doubled}; desordenadas: {disordered}; en duda: \
         {doubtful}, de las que no llegaron {gone}"
    );
    assert_eq!((lost, doubled, disordered), (0, 0, 0), "{account}");
    assert!(said > 300, "se habló poco: {account}");
    account
}

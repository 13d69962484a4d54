//! El orden: todos oyen lo mismo, en el mismo orden, y nadie se oye a sí mismo.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use harness::{Failure, Peer, frame};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::chat::{Chat, everything, joined, left, said};
use super::{LIMIT, Outcome, client};
use crate::photograph::photograph;

#[test]
fn una_charla_entre_tres() -> Outcome {
    let chat = Chat::open()?;
    let mut witness = chat.member("testigo")?;
    let mut people = Vec::new();
    for (others, name) in ["ana", "beto", "Carla María"].into_iter().enumerate() {
        people.push((name, client(name, chat.server.address()).spawn()?));
        witness.expect_frame(joined(others + 2, name))?;
    }
    for (who, text) in [
        (0, "¡Hola a todos!"),
        (1, "¿Qué tal, ana?"),
        (2, "Llego tarde:\tun momento"),
        (0, "aquí cabe cualquier cosa: @ [ ] < > # 漢字 😀"),
        (0, "adiós"),
    ] {
        let (name, program) = &people[who];
        program.write_stdin(format!("{text}\n"));
        witness.expect_frame(said(name, text))?;
    }
    let mut photo = String::new();
    for (name, program) in &people {
        program.close_stdin();
        witness.expect_frame(left(name))?;
        let exit = program.wait(LIMIT)?;
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{name}");
        photo.extend(["--- ", name, "\n", &exit.stdout]);
    }
    let server =
        chat.server.stdout().replace(&chat.server.address().to_string(), "127.0.0.1:PUERTO");
    photograph("lesson_02_03__una_charla_entre_tres", &format!("--- servidor\n{server}{photo}"));
    assert_eq!(chat.server.stderr(), "");
    Ok(())
}

/// Cuántas líneas dice cada uno cuando hablan todos a la vez.
const EACH: usize = 200;

#[test]
fn hablando_todos_a_la_vez_todos_oyen_lo_mismo() -> Outcome {
    let chat = Chat::open()?;
    let mut witness = chat.member("testigo")?;
    let mut scripts = HashMap::new();
    let mut people = Vec::new();
    for name in ["ana", "beto", "carla"] {
        people.push((name, client(name, chat.server.address()).spawn()?));
        hears_arrival(&mut witness, name)?;
    }
    let mut dora = chat.member("dora")?;
    hears_arrival(&mut witness, "dora")?;

    let lines = |name: &str| -> Vec<String> {
        (1..=EACH).map(|number| format!("{name} dice {number}")).collect()
    };
    for (name, program) in &people {
        program.write_stdin(lines(name).join("\n") + "\n");
        scripts.insert((*name).to_owned(), lines(name));
    }
    for line in lines("dora") {
        dora.send_frame(line)?;
    }
    scripts.insert("dora".to_owned(), lines("dora"));

    // Nadie se va hasta que todo esté dicho: así, cada uno debe haberlo oído entero.
    let mut all = Vec::new();
    while all.len() < scripts.len() * EACH {
        all.push(witness.next_frame()?);
    }
    let said_by_others = |name: &str| -> Vec<&str> {
        let own = said(name, "");
        all.iter().map(String::as_str).filter(|line| !line.starts_with(&own)).collect()
    };
    dora.half_close()?;
    assert_eq!(everything(&mut dora)?, said_by_others("dora"), "lo que oyó dora");
    witness.expect_frame(left("dora"))?;
    for (name, program) in &people {
        program.close_stdin();
        let exit = program.wait(LIMIT)?;
        assert_eq!(exit.code, Some(0), "{exit}");
        let heard: Vec<&str> = exit.stdout.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(heard, said_by_others(name), "lo que oyó {name}");
        witness.expect_frame(left(name))?;
    }
    for (name, script) in &scripts {
        let spoke = said(name, "");
        let spoken = all.iter().filter_map(|line| line.strip_prefix(&spoke));
        assert!(spoken.eq(script), "{name} no dijo lo suyo en orden");
    }
    Ok(())
}

fn hears_arrival(witness: &mut Peer, name: &str) -> Outcome {
    let line = witness.next_frame()?;
    assert!(line.ends_with(&format!(" desde {name}@127.0.0.1)")), "{line}");
    Ok(())
}

/// Un paso de una charla al azar.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Dice algo de tantos bytes; si aún no ha entrado, entra antes.
    Say(usize),
    /// Envía solo la mitad de lo que va a decir; el resto irá con lo siguiente.
    SayHalf,
    Leave,
}

/// Quién hace qué, uno tras otro y sin esperar a nadie; hablan a la vez `voices`, como mucho.
fn steps(voices: usize, count: Range<usize>) -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        12 => (1_usize..200).prop_map(Step::Say),
        2 => Just(Step::SayHalf),
        1 => Just(Step::Leave),
    ];
    prop::collection::vec((0..voices, step), count)
}

/// Uno de los que hablan, y lo que ha dicho.
struct Voice {
    name: String,
    peer: Peer,
    script: Vec<String>,
    /// Lo que falta por enviar de lo último que dijo.
    rest: Vec<u8>,
}

impl Voice {
    /// Entra, sin esperar a que le contesten.
    fn new(chat: &Chat, name: String) -> Result<Voice, Failure> {
        let mut peer = chat.stranger(&name)?;
        peer.send_frame(format!("NAME: {name}"))?;
        Ok(Voice { name, peer, script: Vec::new(), rest: Vec::new() })
    }

    fn step(&mut self, step: Step) -> Outcome {
        let length = if let Step::Say(length) = step { length } else { 20 };
        if !matches!(step, Step::Leave) {
            let text = format!("{} {}", self.script.len(), "x".repeat(length));
            self.rest.extend(frame::encode(&text));
            self.script.push(text);
        }
        let held = if matches!(step, Step::SayHalf) { 12 } else { 0 };
        let rest = self.rest.split_off(self.rest.len() - held);
        self.peer.send(std::mem::replace(&mut self.rest, rest))?;
        if matches!(step, Step::Leave) { self.peer.half_close() } else { Ok(()) }
    }
}

/// Juega una charla en el servidor, vacío, y comprueba lo que oyó cada uno.
fn play(chat: &Chat, round: usize, steps: &[(usize, Step)]) -> Outcome {
    let mut witness = chat.member(&format!("testigo {round}"))?;
    let mut voices = BTreeMap::new();
    let mut gone = Vec::new();
    for (number, (who, step)) in steps.iter().enumerate() {
        let mut voice = match voices.remove(who) {
            Some(voice) => voice,
            None => Voice::new(chat, format!("voz {round}.{number}"))?,
        };
        voice.step(*step)?;
        match step {
            Step::Leave => gone.push(voice),
            _ => drop(voices.insert(who, voice)),
        }
    }
    for mut voice in voices.into_values() {
        voice.step(Step::Leave)?;
        gone.push(voice);
    }

    let all = hear_all(&mut witness, gone.len())?;
    check_count(&all).map_err(|why| witness.failure(why))?;
    for voice in &mut gone {
        check_own(voice, &all).map_err(|why| witness.failure(why))?;
        enter_and_hear(voice, &share_of(&voice.name, &all))?;
    }
    witness.leave()
}

/// Lo que debe oír `name`, si el testigo, que llegó antes y se va después, oyó `all`: todo lo
/// que pasó mientras estuvo, menos lo suyo.
fn share_of(name: &str, all: &[String]) -> Vec<String> {
    let arrival = format!(" desde {name}@127.0.0.1)");
    let own = said(name, "");
    let during = all.iter().skip_while(|line| !line.ends_with(&arrival)).skip(1);
    let during = during.take_while(|line| **line != left(name));
    during.filter(|line| !line.starts_with(&own)).cloned().collect()
}

fn enter_and_hear(voice: &mut Voice, expected: &[String]) -> Outcome {
    voice.peer.expect_frame("CLIENT: 127.0.0.1")?;
    for line in expected {
        voice.peer.expect_frame(line)?;
    }
    voice.peer.expect_end()
}

/// Lee hasta que se hayan ido `count`.
fn hear_all(witness: &mut Peer, count: usize) -> Result<Vec<String>, Failure> {
    let (mut all, mut gone) = (Vec::new(), 0);
    while gone < count {
        all.push(witness.next_frame()?);
        gone += usize::from(all.last().is_some_and(|line| line.starts_with("(Desconectado: ")));
    }
    Ok(all)
}

/// Cada llegada dice cuántos son, contando al testigo.
fn check_count(all: &[String]) -> Result<(), String> {
    let mut inside = 1;
    for line in all {
        if line.starts_with("(Conectado: ") {
            inside += 1;
            if !line.contains(&format!(" cliente ({inside}) ")) {
                return Err(format!("Con {inside} dentro se anunció «{line}»."));
            }
        }
        inside -= usize::from(line.starts_with("(Desconectado: "));
    }
    Ok(())
}

/// De cada uno se oye su llegada, lo que dijo, en su orden, y su marcha; y nada más.
fn check_own(voice: &Voice, all: &[String]) -> Result<(), String> {
    let name = format!("{}@", voice.name);
    let heard: Vec<&String> = all.iter().filter(|line| line.contains(&name)).collect();
    let farewell = left(&voice.name);
    let spoken: Vec<String> = voice.script.iter().map(|text| said(&voice.name, text)).collect();
    let arrived = heard.first().is_some_and(|line| line.starts_with("(Conectado: "));
    if arrived && heard.iter().skip(1).copied().eq(spoken.iter().chain([&farewell])) {
        return Ok(());
    }
    Err(format!("De «{}» se oyó: {heard:#?}", voice.name))
}

#[test]
fn cualquier_mezcla_de_voces_se_oye_en_el_mismo_orden() -> Outcome {
    play_at_random(100, steps(8, 1..200))
}

#[test]
fn cien_que_entran_hablan_y_se_van_oyen_todo_y_en_el_mismo_orden() -> Outcome {
    play_at_random(2, steps(100, 1500..1501))
}

fn play_at_random(cases: u32, steps: impl Strategy<Value = Vec<(usize, Step)>>) -> Outcome {
    let chat = Chat::open()?;
    let config = Config {
        cases,
        failure_persistence: None,
        // Al fallar, diez segundos para buscar una charla más corta que también falle.
        max_shrink_time: 10_000,
        ..Config::default()
    };
    // Siempre las mismas charlas: si una falla, vuelve a fallar.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let round = Cell::new(0);
    TestRunner::new_with_rng(config, rng)
        .run(&steps, |steps| {
            round.set(round.get() + 1);
            play(&chat, round.get(), &steps)
                .map_err(|failure| TestCaseError::fail(failure.to_string()))
        })
        .map_err(|error| chat.server.explain(Failure::new(error.to_string())))
}

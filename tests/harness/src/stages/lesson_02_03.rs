//! Lección 02_03, el chat.
//!
//! Contrato: marcos de 4 bytes de longitud (orden de red) y texto UTF-8, de 65 536 bytes como
//! mucho. El primero del cliente es `NAME: ana`; el servidor contesta `CLIENT: 127.0.0.1`, o
//! `ERROR: <por qué>` y cierra.

use std::thread;
use std::time::Duration;

use crate::chat::{
    expect_dismissal, expect_error, expect_refusal, expect_welcome, join, joined, left, said,
};
use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::frame;
use crate::limits::raise_descriptor_limit;
use crate::peer::Peer;
use crate::sending::Sending;
use crate::stage::{Check, Stage};
use crate::wording;

/// Un búfer de recepción pequeño, para que a quien no lee se le llene pronto.
const SMALL_BUFFER: usize = 4096;
/// Uno con el que leer despacio no es leer a gotas.
const MODEST_BUFFER: usize = 64 * 1024;
/// Entre todos, más de lo que el núcleo puede guardar para quien no lee.
const FLOOD: usize = 160;
const LONG_TEXT: usize = 60_000;
/// Lo que nadie guarda para uno que no lee, contando lo que el núcleo guarda por su cuenta.
const TOO_MUCH: usize = 32 * 1024 * 1024;
/// Cuántas veces deja de leer quien lee despacio.
const PAUSES: usize = 2;
/// Lo que separa dos envíos para que el servidor los lea por separado.
const PAUSE: Duration = Duration::from_millis(100);

/// Cuántas veces se llama, como mucho, a quien aún no ha recibido nada.
const CALLS: usize = 20;

pub(crate) const STAGES: &[Stage] = &[
    stage(
        1,
        "entrar y salir",
        "cero bytes leídos, o un reinicio, son el final de ese cliente: se cierra su socket, y el \
         servidor sigue.",
        come_and_go,
    ),
    stage(
        2,
        "de uno a los demás",
        "lo que dice uno lo oyen todos los demás, y él no.",
        from_one_to_the_others,
    ),
    stage(
        3,
        "mensajes que no se mezclan",
        "TCP entrega bytes, no mensajes: lo que alguien lleva a medias se guarda hasta que llegue \
         entero, y mientras pasan los mensajes de los demás.",
        unmixed,
    ),
    stage(
        4,
        "quien no lee no detiene el servidor",
        "a quien no lee se le llenan los búferes, y escribirle sería esperarlo: se escribe lo que \
         quepa, se guarda el resto y se sigue con los demás.",
        blocked_reader,
    ),
    stage(
        5,
        "el saludo",
        "el primer marco del cliente es «NAME: …», y el servidor contesta «CLIENT: » y la IP desde \
         la que lo ve conectado.",
        greeting,
    ),
    stage(
        6,
        "avisos y difusión",
        "a todos los demás, y solo a ellos: quién llega y cuántos son ya, qué dice cada cual y \
         quién se va, con los textos exactos.",
        notices,
    ),
    stage(
        7,
        "marcos byte a byte",
        "ni la cabecera ni el cuerpo tienen por qué llegar enteros: se guarda lo leído y se espera \
         al resto sin bloquear a nadie.",
        byte_by_byte,
    ),
    stage(
        8,
        "marcos juntos y a medias",
        "una lectura puede traer dos marcos, o uno y medio: se procesan todos los enteros y se \
         guarda lo que sobra.",
        several_at_once,
    ),
    stage(
        9,
        "el mismo orden para todos",
        "todos ven los mismos mensajes y avisos en el mismo orden; a quienes llegan a la vez se les \
         cuenta de uno en uno. Quien llega se anuncia antes de su primer mensaje, y quien se va, \
         después del último, aunque su final ya estuviera ahí. Nadie se oye a sí mismo.",
        order,
    ),
    stage(
        10,
        "nombres inválidos",
        "de 1 a 32 caracteres, sin invisibles ni de control, sin @[]<>#, sin espacios en los \
         extremos, y «servidor» está reservado. A lo demás, «ERROR: …» y cierre.",
        invalid_names,
    ),
    stage(
        11,
        "nombres repetidos",
        "no puede haber dos iguales a la vez, sin distinguir mayúsculas: si lo piden varios en el \
         mismo instante, entra uno. Al irse, su nombre queda libre.",
        repeated_names,
    ),
    stage(
        12,
        "longitudes hostiles",
        "la longitud se comprueba antes de reservar ni un byte: no se reservan cuatro gigas porque lo \
         diga una cabecera. Un marco vacío no es un error. A un mensaje que no cabe con su autor \
         delante se contesta «ERROR: …», y su autor se queda.",
        hostile_lengths,
    ),
    stage(
        13,
        "lo que no es texto",
        "un marco que no es UTF-8 es cosa de quien lo envía: se le contesta o se le echa, y los \
         demás no se enteran.",
        not_text,
    ),
    stage(
        14,
        "el final a medio marco",
        "cero bytes leídos son el final del cliente, aunque faltara medio marco.",
        end_in_mid_frame,
    ),
    stage(
        15,
        "conexiones calladas",
        "quien se conecta y no dice su nombre no puede parar a los demás, y no oye nada: el saludo \
         es un estado más de su conexión.",
        silent_connections,
    ),
    stage(
        16,
        "reinicios y cierres de golpe",
        "un RST se lleva por delante a quien lo envía y a nadie más: que no se le pueda escribir \
         no es culpa de quien hablaba.",
        resets,
    ),
    stage(
        17,
        "caracteres de control",
        "salvo el tabulador, se cambian por U+FFFD: una secuencia de escape no debe llegar a la \
         terminal de otro.",
        control_characters,
    ),
    stage(
        18,
        "quien no lee no frena a nadie",
        "el servidor no se bloquea escribiendo: guarda lo pendiente con un límite, y a quien no lee \
         nada lo echa antes de guardarle 32 MiB y de hacer esperar a quien habla más de 15 segundos.",
        slow_reader,
    ),
    stage(19, "doscientos clientes", "todos entran, todos oyen y todos se van.", two_hundred),
    stage(
        20,
        "el ERROR llega aunque sigan enviando",
        "cerrar con bytes del cliente sin leer reinicia la conexión, y se pierde lo que aún no le \
         hubiera llegado: se cierra el propio lado y se descarta lo que llegue hasta que el cliente \
         cierre.",
        farewell_arrives,
    ),
    stage(
        21,
        "quien lee despacio lo oye todo",
        "a quien deja de leer un rato y después sigue no se le echa ni se le pierde nada, por \
         mucho que otro hable, y aunque después se vaya: al que habla se le deja de leer hasta que \
         lo oigan (contrapresión).",
        patient_reader,
    ),
    Stage::ending("02_03", 22, still_inside),
];

const fn stage(
    number: usize,
    title: &'static str,
    purpose: &'static str,
    check: fn(&Conversation) -> Result<(), Failure>,
) -> Stage {
    Stage { lesson: "02_03", number, title, purpose, check: Check::Talk(check) }
}

/// Reúne a tres en cualquier chat que hable en marcos, tenga nombres o no. Al volver, los tres están
/// dentro y ya han recibido cuanto se dijo hasta entonces.
fn gather(chat: &Conversation) -> Result<[Peer; 3], Failure> {
    let mut peers = [chat.peer("ana")?, chat.peer("beto")?, chat.peer("carla")?];
    for peer in &mut peers {
        let name = format!("NAME: {}", peer.name());
        peer.send_frame(name)?;
    }
    // A quien le llega algo, está dentro. Un servidor que no saluda solo envía lo que digan otros.
    for _ in 0..CALLS {
        if peers.iter_mut().all(|peer| peer.hears_within(PAUSE)) {
            break;
        }
        for peer in &mut peers {
            peer.send_frame("¿hay alguien?")?;
        }
    }
    for speaker in 0..peers.len() {
        let text = format!("aquí {}", peers[speaker].name());
        peers[speaker].send_frame(&text)?;
        for (_, listener) in peers.iter_mut().enumerate().filter(|(index, _)| *index != speaker) {
            hear(listener, &text)?;
        }
    }
    Ok(peers)
}

/// Espera un marco en el que esté `text`; los saludos y los avisos que lleguen antes no cuentan.
fn hear(peer: &mut Peer, text: &str) -> Result<(), Failure> {
    while !peer.next_frame()?.contains(text) {}
    Ok(())
}

/// Espera que lo siguiente sea lo que dijo `speaker`, entero, lleve su nombre delante o no.
fn hear_whole(peer: &mut Peer, speaker: &Peer, text: &str) -> Result<(), Failure> {
    let heard = peer.next_frame()?;
    if heard.ends_with(text) {
        return Ok(());
    }
    let headline =
        format!("«{}» debía oír lo que dijo «{}», y oyó otra cosa.", peer.name(), speaker.name());
    Err(peer.mismatch(headline, text, heard))
}

/// Quien se queda el último, y ve que el servidor cierra también su lado.
fn last_one_out(mut witness: Peer, others: impl IntoIterator<Item = Peer>) -> Result<(), Failure> {
    for mut peer in others {
        peer.half_close()?;
        peer.drain()?;
    }
    witness.half_close()?;
    witness.drain()
}

fn come_and_go(chat: &Conversation) -> Result<(), Failure> {
    let silent = chat.peer("callado")?;
    chat.peer("quien cierra al llegar")?.close();
    chat.peer("quien reinicia al llegar")?.reset()?;
    let polite = chat.peer("quien cierra su lado")?;
    last_one_out(silent, [polite])?;
    last_one_out(chat.peer("quien llega después")?, [])
}

fn from_one_to_the_others(chat: &Conversation) -> Result<(), Failure> {
    let [mut ana, mut beto, mut carla] = gather(chat)?;
    ana.send_frame("hola a todos")?;
    hear(&mut beto, "hola a todos")?;
    hear(&mut carla, "hola a todos")?;
    carla.send_frame("¿qué tal? 🙂")?;
    hear(&mut beto, "¿qué tal? 🙂")?;
    // Si ana se hubiera oído a sí misma, sería antes que a carla.
    hear_whole(&mut ana, &carla, "¿qué tal? 🙂")?;
    last_one_out(ana, [beto, carla])
}

fn unmixed(chat: &Conversation) -> Result<(), Failure> {
    let [mut ana, mut beto, mut carla] = gather(chat)?;
    let halves = frame::encode("esto va en dos segmentos");
    let (start, rest) = halves.split_at(9);
    ana.send(start)?;
    ana.pause(PAUSE);
    beto.send_frame("y esto, de una sola vez")?;
    hear_whole(&mut carla, &beto, "y esto, de una sola vez")?;
    ana.send(rest)?;
    hear_whole(&mut carla, &ana, "esto va en dos segmentos")?;
    hear_whole(&mut beto, &ana, "esto va en dos segmentos")?;
    last_one_out(carla, [ana, beto])
}

fn blocked_reader(chat: &Conversation) -> Result<(), Failure> {
    let [mut ana, mut beto, carla] = gather(chat)?;
    // Quizá ana y beto esperen a que se eche a quien no lee: puede llevar su tiempo.
    beto.set_limit(chat.patience() * 2);
    let mut blocked = chat.peer_with_receive_buffer("quien no lee", SMALL_BUFFER)?;
    blocked.send_frame("NAME: lento")?;
    hear(&mut ana, "lento")?;
    last_one_out(carla, [])?;
    let text = "x".repeat(LONG_TEXT);
    for _ in 0..FLOOD {
        ana.send_frame(&text)?;
        hear(&mut beto, &text).map_err(too_patient)?;
    }
    // Se va quien no leía, y el chat sigue. Lee al fin, hasta que el servidor cierre: si no, podría
    // seguir dentro cuando empiece otra etapa.
    blocked.half_close()?;
    blocked.drain()?;
    beto.send_frame("seguimos")?;
    hear(&mut ana, "seguimos")?;
    last_one_out(ana, [beto])
}

fn too_patient(failure: Failure) -> Failure {
    if !failure.is_silence() {
        return failure;
    }
    failure.hint(
        "si tu servidor espera a propósito más de 15 segundos a quien no lee, dale una opción para \
         acortar ese plazo y escríbela en la orden, como «-- ./chat --plazo 5».",
    )
}

fn greeting(chat: &Conversation) -> Result<(), Failure> {
    join(chat, "ana")?.leave()?;
    join(chat, "José Ñandú")?.leave()?;
    // 32 caracteres, que son 64 bytes.
    join(chat, &"ñ".repeat(32))?.leave()
}

fn notices(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    let mut beto = join(chat, "beto")?;
    ana.expect_frame(joined(2, &beto))?;
    ana.send_frame("hola")?;
    beto.expect_frame(said(&ana, "hola"))?;
    beto.send_frame("¿qué tal? 🙂")?;
    ana.expect_frame(said(&beto, "¿qué tal? 🙂"))?;

    let mut carla = join(chat, "carla")?;
    let arrival = joined(3, &carla);
    ana.expect_frame(&arrival)?;
    beto.expect_frame(&arrival)?;
    carla.send_frame("buenas")?;
    ana.expect_frame(said(&carla, "buenas"))?;
    beto.expect_frame(said(&carla, "buenas"))?;

    let farewell = left(&ana);
    ana.leave()?;
    beto.expect_frame(&farewell)?;
    carla.expect_frame(&farewell)?;
    say_goodbye(beto, vec![carla])
}

fn byte_by_byte(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    let mut beto = chat.peer("beto")?;
    let name = frame::encode("NAME: beto");
    let (start, rest) = name.split_at(2);
    // Media cabecera, y una pausa: de un servidor ocupado, lo que llega byte a byte puede leerse junto.
    beto.send(start)?;
    beto.pause(PAUSE);
    beto.send_in_pieces(rest, 1)?;
    expect_welcome(&mut beto)?;
    ana.expect_frame(joined(2, &beto))?;
    beto.send_in_pieces(frame::encode("¡poco a poco!"), 1)?;
    ana.expect_frame(said(&beto, "¡poco a poco!"))?;
    say_goodbye(ana, vec![beto])
}

fn several_at_once(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    let mut beto = chat.peer("beto")?;
    let third = frame::encode("tres");
    let (half, rest) = third.split_at(6);
    // El nombre y dos mensajes y medio, de un golpe.
    let together =
        [frame::encode("NAME: beto"), frame::encode("uno"), frame::encode("dos"), half.to_vec()];
    beto.send(together.concat())?;
    expect_welcome(&mut beto)?;
    ana.expect_frame(joined(2, &beto))?;
    ana.expect_frame(said(&beto, "uno"))?;
    ana.expect_frame(said(&beto, "dos"))?;
    beto.pause(PAUSE);
    beto.send(rest)?;
    ana.expect_frame(said(&beto, "tres"))?;
    // Uno solo que no cabe en una lectura.
    let text = "x".repeat(LONG_TEXT);
    beto.send_frame(&text)?;
    ana.expect_frame(said(&beto, &text))?;
    say_goodbye(ana, vec![beto])
}

/// Cuántas veces hablan todos a la vez en la etapa del orden; cuántos mensajes envía cada uno, de
/// golpe; y cuántos los oyen además de quienes hablan. Repartir cada uno cuesta lo bastante para que,
/// en un servidor que atienda a dos a la vez, se crucen sin remedio.
const ROUNDS: usize = 3;
const EACH: usize = 100;
const LISTENERS: usize = 30;

fn order(chat: &Conversation) -> Result<(), Failure> {
    raise_descriptor_limit();
    let mut witness = join(chat, "testigo")?;
    let speakers = ["ana", "beto", "carla", "david", "elena", "fabio"].map(str::to_owned);
    let names = (1..=LISTENERS).map(|number| format!("oyente {number}")).chain(speakers);
    let mut listeners = arrive_together(chat, &mut witness, names)?;
    let mut speakers = listeners.split_off(LISTENERS);
    for round in 1..=ROUNDS {
        everybody_hears_the_same(chat, round, &mut witness, &mut speakers, &mut listeners)?;
    }
    listeners.append(&mut speakers);
    comes_speaks_and_goes(chat, &mut witness, &mut listeners)?;
    say_goodbye(witness, listeners)
}

/// Entran todos a la vez: los avisos los cuentan de uno en uno, y en el mismo orden para todos.
fn arrive_together(
    chat: &Conversation,
    witness: &mut Peer,
    names: impl Iterator<Item = String>,
) -> Result<Vec<Peer>, Failure> {
    let mut peers = names.map(|name| chat.peer(&name)).collect::<Result<Vec<_>, _>>()?;
    say_names_at_once(chat, &mut peers)?;
    let order = arrivals(witness, &peers)?;
    for (place, (arrived, _)) in order.iter().enumerate() {
        let peer = &mut peers[*arrived];
        expect_welcome_first(peer)?;
        for (_, notice) in &order[place + 1..] {
            expect_same(peer, notice, "avisos")?;
        }
    }
    Ok(peers)
}

/// Espera `CLIENT: …`, y que sea lo primero: quien no ha entrado no oye nada.
fn expect_welcome_first(peer: &mut Peer) -> Result<(), Failure> {
    let welcome = format!("CLIENT: {}", peer.local_ip());
    let heard = peer.next_frame()?;
    if heard == welcome {
        return Ok(());
    }
    let headline = format!("Lo primero que oye «{}» debía ser su «CLIENT: ».", peer.name());
    Err(peer.mismatch(headline, welcome, heard))
}

fn say_names_at_once(chat: &Conversation, peers: &mut [Peer]) -> Result<(), Failure> {
    chat.all_at_once(|| {
        peers.iter_mut().try_for_each(|peer| {
            let name = format!("NAME: {}", peer.name());
            peer.send_frame(name)
        })
    })
}

/// Los avisos de que llegaron esos, en el orden en que los oye el testigo: de quién es cada uno, y qué
/// dice.
fn arrivals(witness: &mut Peer, peers: &[Peer]) -> Result<Vec<(usize, String)>, Failure> {
    let mut order = Vec::new();
    let mut missing: Vec<usize> = (0..peers.len()).collect();
    while let Some(&first) = missing.first() {
        // El testigo es el primero.
        let count = order.len() + 2;
        let heard = witness.next_frame()?;
        let Some(place) = missing.iter().position(|it| joined(count, &peers[*it]) == heard) else {
            let headline = "Entraron varios a la vez, y los avisos no los cuentan de uno en uno.";
            return Err(witness.mismatch(headline, joined(count, &peers[first]), heard));
        };
        order.push((missing.remove(place), heard));
    }
    Ok(order)
}

/// Hablan todos a la vez, y lo que oye el testigo es lo que oyen los demás.
fn everybody_hears_the_same(
    chat: &Conversation,
    round: usize,
    witness: &mut Peer,
    speakers: &mut [Peer],
    listeners: &mut [Peer],
) -> Result<(), Failure> {
    let texts: Vec<String> =
        (1..=EACH).map(|number| format!("mensaje {number} de la ronda {round}")).collect();
    let burst = texts.iter().map(frame::encode).collect::<Vec<_>>().concat();
    chat.all_at_once(|| speakers.iter_mut().try_for_each(|speaker| speaker.send(&burst)))?;
    chat.jostle();
    let count = EACH * speakers.len();
    let seen = (0..count).map(|_| witness.next_frame()).collect::<Result<Vec<_>, _>>()?;
    for speaker in speakers.iter() {
        expect_own_order(witness, &seen, speaker, &texts)?;
    }
    for peer in listeners.iter_mut().chain(speakers) {
        let own = said(peer, "");
        for message in seen.iter().filter(|message| !message.starts_with(&own)) {
            expect_same(peer, message, "mensajes")?;
        }
    }
    Ok(())
}

/// Espera que lo siguiente sea eso, que es lo que oyó el testigo.
fn expect_same(peer: &mut Peer, text: &str, what: &str) -> Result<(), Failure> {
    let heard = peer.next_frame()?;
    if heard == text {
        return Ok(());
    }
    let headline = format!("«{}» y «testigo» oyeron los {what} en distinto orden.", peer.name());
    Err(peer.mismatch(headline, text, heard))
}

/// Entre lo que vio el testigo, los mensajes de cada cual van en el orden en que los envió.
fn expect_own_order(
    witness: &mut Peer,
    seen: &[String],
    speaker: &Peer,
    texts: &[String],
) -> Result<(), Failure> {
    let own = said(speaker, "");
    let got: Vec<&String> = seen.iter().filter(|text| text.starts_with(&own)).collect();
    let expected: Vec<String> = texts.iter().map(|text| said(speaker, text)).collect();
    if got.iter().copied().eq(&expected) {
        return Ok(());
    }
    let headline = format!("Los mensajes de «{}» no llegaron en su orden.", speaker.name());
    let got: Vec<&str> = got.into_iter().map(String::as_str).collect();
    Err(witness.mismatch(headline, expected.join("\n"), got.join("\n")))
}

/// Lo que dice de golpe quien llega y se va: no cabe en una lectura, y sí en el núcleo del servidor.
const VISIT: usize = 24;
const LONG_WORD: usize = 2000;

/// Tantos textos largos, y distintos.
fn words(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("{number:.<LONG_WORD$}")).collect()
}

/// Alguien dice su nombre, unos mensajes y adiós de un solo golpe: se ve en ese orden.
fn comes_speaks_and_goes(
    chat: &Conversation,
    witness: &mut Peer,
    others: &mut [Peer],
) -> Result<(), Failure> {
    let mut hasty = chat.peer("felipe")?;
    let words = words(VISIT);
    let burst = words.iter().map(frame::encode).collect::<Vec<_>>().concat();
    hasty.send([frame::encode("NAME: felipe"), burst].concat())?;
    hasty.half_close()?;
    let mut expected = vec![joined(others.len() + 2, &hasty)];
    expected.extend(words.iter().map(|text| said(&hasty, text)));
    expected.push(left(&hasty));
    for peer in others.iter_mut().chain([witness]) {
        for text in &expected {
            expect_in_turn(peer, text)?;
        }
    }
    expect_welcome(&mut hasty)?;
    hasty.expect_end()
}

/// Espera que lo siguiente sea eso, de lo que dice quien llega, habla y cierra su lado.
fn expect_in_turn(peer: &mut Peer, text: &str) -> Result<(), Failure> {
    let heard = peer.next_frame()?;
    if heard == text {
        return Ok(());
    }
    let headline = format!(
        "«felipe» llegó, habló y cerró su lado, y «{}» no lo oyó todo, y en ese orden.",
        peer.name()
    );
    Err(peer.mismatch(headline, text, heard))
}

fn invalid_names(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    let too_long = "x".repeat(33);
    let names = [
        "",
        " ",
        " beto",
        "beto ",
        &too_long,
        "be\u{7}to",
        "be\nto",
        "be\u{1b}[31mto",
        "be\u{200b}to",
        "be\u{2028}to",
        "be\u{feff}to",
        "be\u{202e}to",
        "be\u{2066}to",
        "be@to",
        "be[to",
        "be]to",
        "be<to",
        "be>to",
        "be#to",
        "servidor",
        "Servidor",
        "SERVIDOR",
    ];
    for (index, name) in names.into_iter().enumerate() {
        let mut intruder = chat.peer(&format!("intruso {}", index + 1))?;
        intruder.send_frame(format!("NAME: {name}"))?;
        expect_refusal(&mut intruder)?;
    }
    for (name, text) in [("quien no se presenta", "hola"), ("quien empieza sin decir nada", "")] {
        let mut rude = chat.peer(name)?;
        rude.send_frame(text)?;
        expect_refusal(&mut rude)?;
    }
    // Si alguno hubiera entrado, ana lo vería antes que a beto.
    let beto = join(chat, "beto")?;
    ana.expect_frame(joined(2, &beto))?;
    say_goodbye(ana, vec![beto])
}

fn repeated_names(chat: &Conversation) -> Result<(), Failure> {
    let mut begona = join(chat, "Begoña")?;
    for name in ["Begoña", "begoña", "BEGOÑA"] {
        let mut double = chat.peer(&format!("otra «{name}»"))?;
        double.send_frame(format!("NAME: {name}"))?;
        expect_refusal(&mut double)?;
    }
    let beto = join(chat, "beto")?;
    begona.expect_frame(joined(2, &beto))?;
    let farewell = left(&beto);
    beto.leave()?;
    begona.expect_frame(farewell)?;
    let beto = join(chat, "Beto")?;
    begona.expect_frame(joined(2, &beto))?;
    let twin = only_one_enters(chat)?;
    begona.expect_frame(joined(3, &twin))?;
    say_goodbye(begona, vec![beto, twin])
}

/// Varios piden el mismo nombre a la vez: entra uno.
fn only_one_enters(chat: &Conversation) -> Result<Peer, Failure> {
    let mut twins = ["GEMELA", "gemela", "Gemela", "gEMELA", "gemelA", "GEMELa"]
        .map(|name| chat.peer(name))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    say_names_at_once(chat, &mut twins)?;
    let mut inside: Option<Peer> = None;
    let mut refused = Vec::new();
    for mut twin in twins {
        let answer = twin.next_frame()?;
        if !answer.starts_with("CLIENT: ") {
            expect_error(&mut twin, &answer)?;
            twin.expect_end()?;
            refused.push(twin);
        } else if let Some(first) = &inside {
            let names = format!("«{}» y «{}»", first.name(), twin.name());
            return Err(
                twin.failure(format!("{names} pidieron a la vez el mismo nombre, y entraron."))
            );
        } else {
            inside = Some(twin);
        }
    }
    inside.ok_or_else(|| {
        let headline =
            "Varios pidieron a la vez el mismo nombre, que estaba libre, y no entró nadie.";
        refused[0].failure(headline)
    })
}

fn hostile_lengths(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    for length in [u32::MAX, 65_537, 0x8000_0000] {
        let mut stranger = chat.peer(&format!("desconocido de {length} bytes"))?;
        stranger.send(length.to_be_bytes())?;
        expect_dismissal(&mut stranger)?;

        let mut beto = join(chat, "beto")?;
        ana.expect_frame(joined(2, &beto))?;
        beto.send(length.to_be_bytes())?;
        expect_dismissal(&mut beto)?;
        ana.expect_frame(left(&beto))?;
    }
    empty_frame(chat, &mut ana)?;
    too_long_with_the_name(chat, &mut ana)?;
    ana.leave()
}

/// Cabe en un marco, pero con el nombre delante ya no: se le dice a quien lo envió, y se queda.
fn too_long_with_the_name(chat: &Conversation, witness: &mut Peer) -> Result<(), Failure> {
    let mut beto = join(chat, "beto")?;
    witness.expect_frame(joined(2, &beto))?;
    let room = frame::MAX_TEXT - said(&beto, "").len();
    beto.send_frame("x".repeat(room + 1))?;
    let answer = beto.next_frame()?;
    expect_error(&mut beto, &answer)?;
    let longest = "x".repeat(room);
    beto.send_frame(&longest)?;
    witness.expect_frame(said(&beto, &longest))?;
    let farewell = left(&beto);
    beto.leave()?;
    witness.expect_frame(farewell)
}

/// Un marco vacío se reparte o no, pero no es un error ni el final: quien lo envía sigue hablando.
fn empty_frame(chat: &Conversation, witness: &mut Peer) -> Result<(), Failure> {
    let mut beto = join(chat, "beto")?;
    witness.expect_frame(joined(2, &beto))?;
    beto.send_frame("")?;
    beto.send_frame("sigo aquí")?;
    let mut heard = witness.next_frame()?;
    if heard == said(&beto, "") {
        heard = witness.next_frame()?;
    }
    if heard != said(&beto, "sigo aquí") {
        let headline = "Tras un marco vacío, «beto» siguió hablando, y «ana» no lo oyó.";
        return Err(witness.mismatch(headline, said(&beto, "sigo aquí"), heard));
    }
    let farewell = left(&beto);
    beto.leave()?;
    witness.expect_frame(farewell)
}

fn not_text(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    let mut stranger = chat.peer("desconocido")?;
    stranger.send_frame(b"NAME: \xff\xfe")?;
    expect_dismissal(&mut stranger)?;

    let mut beto = join(chat, "beto")?;
    ana.expect_frame(joined(2, &beto))?;
    beto.send_frame(b"\xc3\x28 \xff")?;
    if let Some(answer) = beto.next_frame_or_end()? {
        expect_error(&mut beto, &answer)?;
    }
    let farewell = left(&beto);
    beto.close();
    ana.expect_frame(farewell)?;
    ana.leave()
}

fn end_in_mid_frame(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    let whole = frame::encode("esto no acaba");
    for cut in [2, 4, 9] {
        let mut beto = join(chat, "beto")?;
        ana.expect_frame(joined(2, &beto))?;
        beto.send(&whole[..cut])?;
        beto.half_close()?;
        ana.expect_frame(left(&beto))?;
        beto.drain()?;

        let mut stranger = chat.peer("quien no acaba su nombre")?;
        stranger.send(&frame::encode("NAME: nadie")[..cut])?;
        stranger.half_close()?;
        stranger.drain()?;
    }
    ana.leave()
}

fn silent_connections(chat: &Conversation) -> Result<(), Failure> {
    let mut silent = chat.peers("callado", 5)?;
    let mut ana = join(chat, "ana")?;
    for (peer, piece) in silent.iter_mut().zip(1..) {
        // Unos con la cabecera a medias, otros con el nombre a medias.
        peer.send(&frame::encode("NAME: nadie")[..2 * piece])?;
    }
    silent.extend(chat.peers("mudo", 5)?);
    // Que el servidor tenga tiempo de ponerse a esperarlos, si los espera.
    ana.pause(PAUSE);
    let mut beto = join(chat, "beto")?;
    ana.expect_frame(joined(2, &beto))?;
    beto.send_frame("nadie me para")?;
    ana.expect_frame(said(&beto, "nadie me para"))?;
    for peer in &mut silent {
        peer.half_close()?;
        heard_nothing(peer)?;
    }
    // De quien no llegó a entrar no se avisa.
    ana.send_frame("ni a mí")?;
    beto.expect_frame(said(&ana, "ni a mí"))?;
    say_goodbye(ana, vec![beto])
}

/// A quien no dijo su nombre, al final, se le cierra, y quizá se le diga por qué; pero no oyó nada.
fn heard_nothing(peer: &mut Peer) -> Result<(), Failure> {
    match peer.next_frame_or_end()? {
        None => Ok(()),
        Some(text) if text.starts_with("ERROR: ") => peer.expect_end_or_reset(),
        Some(text) => {
            let headline = format!("«{}» no había dicho su nombre, y oyó algo.", peer.name());
            Err(peer.mismatch(headline, "", text))
        }
    }
}

fn resets(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    let mut beto = join(chat, "beto")?;
    ana.expect_frame(joined(2, &beto))?;

    chat.peer("quien cierra al llegar")?.close();
    chat.peer("quien reinicia al llegar")?.reset()?;
    let carla = join(chat, "carla")?;
    let (arrival, farewell) = (joined(3, &carla), left(&carla));
    carla.reset()?;
    for peer in [&mut ana, &mut beto] {
        peer.expect_frame(&arrival)?;
        peer.expect_frame(&farewell)?;
    }
    // Si el servidor no se puede detener, quien lo hace mal aún podría acertar una vez.
    for _ in 0..3 {
        let david = reset_while_others_speak(chat, &mut ana, &mut beto)?;
        let farewell = left(&david);
        david.close();
        for peer in [&mut ana, &mut beto] {
            peer.expect_frame(&farewell)?;
        }
    }
    ana.send_frame("seguimos")?;
    beto.expect_frame(said(&ana, "seguimos"))?;
    beto.send_frame("seguimos")?;
    ana.expect_frame(said(&beto, "seguimos"))?;
    say_goodbye(ana, vec![beto])
}

/// Cuando el servidor va a repartir lo que dicen dos, una que debía oírlo ya ha reiniciado. De ellos,
/// uno llegó antes que ella, y otro, después: así da igual por quién empiece.
fn reset_while_others_speak(
    chat: &Conversation,
    ana: &mut Peer,
    beto: &mut Peer,
) -> Result<Peer, Failure> {
    let mut carla = join(chat, "carla")?;
    let mut david = join(chat, "david")?;
    let (carla_arrives, david_arrives) = (joined(3, &carla), joined(4, &david));
    for peer in [&mut *ana, &mut *beto] {
        peer.expect_frame(&carla_arrives)?;
        peer.expect_frame(&david_arrives)?;
    }
    carla.expect_frame(&david_arrives)?;
    let farewell = vec![left(&carla)];
    let texts = ["¿se me oye?", "¿y ahora?"];
    let burst = texts.map(frame::encode).concat();
    chat.all_at_once(|| {
        ana.send(&burst)?;
        carla.reset()?;
        david.send(&burst)
    })?;
    let [by_ana, by_david] =
        [&*ana, &david].map(|peer| texts.map(|text| said(peer, text)).to_vec());
    expect_interleaved(beto, vec![by_ana.clone(), by_david.clone(), farewell.clone()])?;
    expect_interleaved(ana, vec![by_david, farewell.clone()])?;
    expect_interleaved(&mut david, vec![by_ana, farewell])?;
    Ok(david)
}

/// Espera todo eso: cada lista, en su orden; y entre ellas, en cualquiera.
fn expect_interleaved(peer: &mut Peer, mut lists: Vec<Vec<String>>) -> Result<(), Failure> {
    const CONTEXT: &str = "«carla» había reiniciado su conexión, y otros hablaban.";
    while let Some(first) = lists.first() {
        let heard = peer.next_frame().map_err(|failure| failure.adding(CONTEXT))?;
        let Some(list) = lists.iter().position(|list| list[0] == heard) else {
            let headline = format!("«{}» oyó otra cosa. {CONTEXT}", peer.name());
            return Err(peer.mismatch(headline, &first[0], heard));
        };
        lists[list].remove(0);
        lists.retain(|list| !list.is_empty());
    }
    Ok(())
}

fn control_characters(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    let mut beto = join(chat, "beto")?;
    ana.expect_frame(joined(2, &beto))?;
    for (sent, seen) in [
        ("\u{1b}[2Jborrado", "\u{fffd}[2Jborrado"),
        ("una\ttabla", "una\ttabla"),
        ("\u{7}\u{8}\u{7f}", "\u{fffd}\u{fffd}\u{fffd}"),
        ("dos\nlíneas\r", "dos\u{fffd}líneas\u{fffd}"),
        // El CSI de un solo carácter, que también es de control.
        ("\u{9b}31mrojo", "\u{fffd}31mrojo"),
    ] {
        beto.send_frame(sent)?;
        ana.expect_frame(said(&beto, seen))?;
    }
    say_goodbye(ana, vec![beto])
}

fn slow_reader(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    let mut slow = chat.peer_with_receive_buffer("lento", SMALL_BUFFER)?;
    slow.send_frame("NAME: lento")?;
    expect_welcome(&mut slow)?;
    ana.expect_frame(joined(2, &slow))?;
    let mut beto = join(chat, "beto")?;
    ana.expect_frame(joined(3, &beto))?;
    beto.set_limit(chat.patience() * 2);

    let text = "x".repeat(LONG_TEXT);
    let message = said(&ana, &text);
    let farewell = left(&slow);
    let mut kept = 0;
    loop {
        ana.send_frame(&text)?;
        let seen = beto.next_frame().map_err(too_patient)?;
        if seen == farewell {
            break;
        }
        if seen != message {
            return Err(beto.mismatch("«beto» recibió otro marco.", &message, seen));
        }
        kept += seen.len();
        if kept > TOO_MUCH {
            return Err(beto.failure(format!(
                "«lento» no lee, y el servidor le guarda ya {} sin echarlo.",
                wording::mebibytes(kept)
            )));
        }
    }
    beto.expect_frame(&message)?;
    ana.expect_frame(&farewell)?;
    say_goodbye(ana, vec![beto])
}

/// «lento» no lee mientras sale algo de ana; cuando todo está parado por él, o ya ha salido todo, lee
/// un rato y vuelve a pararse. Con todo parado llega carla, habla y cierra su lado; y ana también lo
/// cierra, en cuanto acaba.
fn patient_reader(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    let mut slow = chat.peer_with_receive_buffer("lento", MODEST_BUFFER)?;
    slow.send_frame("NAME: lento")?;
    expect_welcome(&mut slow)?;
    ana.expect_frame(joined(2, &slow))?;
    let mut beto = join(chat, "beto")?;
    ana.expect_frame(joined(3, &beto))?;
    slow.expect_frame(joined(3, &beto))?;

    let mut carla = chat.peer("carla")?;
    let flood = Flood::new(&ana, &carla);
    let sending = ana.send_all_meanwhile(frame::encode(&flood.text).repeat(flood.count))?;
    thread::scope(|scope| {
        // beto lee siempre: es lento, y no él, quien hace esperar a ana.
        let other = scope.spawn(|| flood.hear(&mut beto, |_| {}));
        sending.settle();
        let visiting = carla.send_all_meanwhile(flood.visit.clone())?;
        slow.pause(PAUSE);
        // También carla lee, aunque no le importe qué.
        let gone = scope.spawn(|| carla.drain());
        flood.hear_slowly(&mut slow, &sending)?;
        // Un pánico de esos hilos sería del arnés.
        other.join().unwrap_or(Ok(()))?;
        gone.join().unwrap_or(Ok(()))?;
        visiting.finish()
    })?;
    sending.finish()?;
    let farewell = left(&ana);
    slow.expect_frame(&farewell)?;
    beto.expect_frame(&farewell)?;
    ana.drain()?;
    say_goodbye(beto, vec![slow])
}

/// Lo mucho que dice ana, y lo que hace carla entretanto.
struct Flood {
    text: String,
    /// Lo que se oye de cada vez que ana lo dice, y cuántas son.
    message: String,
    count: usize,
    /// Lo que envía carla: su nombre y lo que dice.
    visit: Vec<u8>,
    /// Lo que se oye de ella, desde que llega hasta que se va.
    heard_of_visit: Vec<String>,
}

impl Flood {
    fn new(ana: &Peer, carla: &Peer) -> Self {
        let text = "x".repeat(LONG_TEXT);
        let words = words(VISIT);
        let visit = [vec!["NAME: carla".to_owned()], words.clone()].concat();
        let mut heard_of_visit = vec![joined(4, carla)];
        heard_of_visit.extend(words.iter().map(|text| said(carla, text)));
        heard_of_visit.push(left(carla));
        Self {
            message: said(ana, &text),
            count: TOO_MUCH / text.len(),
            text,
            visit: visit.iter().flat_map(frame::encode).collect(),
            heard_of_visit,
        }
    }

    /// Lee, y a ratos no.
    fn hear_slowly(&self, slow: &mut Peer, sending: &Sending) -> Result<(), Failure> {
        let (mut number, mut pauses) = (0, 1);
        let outcome = self.hear(slow, |count| {
            number = count;
            if count == pauses * self.count.div_ceil(PAUSES) {
                sending.settle();
                pauses += 1;
            }
        });
        outcome.map_err(|failure| {
            let all = self.count;
            failure.adding(&format!(
                "Leía, aunque despacio, y solo oyó {number} de los {all} mensajes de «ana»."
            ))
        })
    }

    /// Oye lo de una y lo de otra: lo de cada una, en su orden; y entre ellas, en cualquiera. Antes de
    /// cada marco, `before` sabe cuántos lleva oídos de ana.
    fn hear(&self, peer: &mut Peer, mut before: impl FnMut(usize)) -> Result<(), Failure> {
        let (mut count, mut visit) = (0, self.heard_of_visit.iter());
        while count < self.count || visit.len() > 0 {
            before(count);
            let heard = peer.next_frame()?;
            if heard == self.message {
                count += 1;
                continue;
            }
            let expected = visit.next().unwrap_or(&self.message);
            if heard != *expected {
                let headline = format!(
                    "«carla» llegó, habló y cerró su lado, y «{}» no lo oyó todo, y en ese orden.",
                    peer.name()
                );
                return Err(peer.mismatch(headline, expected, heard));
            }
        }
        Ok(())
    }
}

/// Lo que envía quien no ha recibido aún su `ERROR`, o no le hace caso.
fn farewell_arrives(chat: &Conversation) -> Result<(), Failure> {
    let mut ana = join(chat, "ana")?;
    let more = frame::encode("x".repeat(LONG_TEXT)).repeat(8);
    let insistent = frame::encode("¿me oyes?");
    let unnamed = [frame::encode("NAME: servidor"), more].concat();
    for round in 1..=3 {
        let mut intruder = chat.peer(&format!("intruso {round}"))?;
        intruder.try_send(&unnamed);
        let answer = intruder.next_frame()?;
        expect_error(&mut intruder, &answer)?;
        // Quien escribe su ERROR y cierra lo ha hecho ya: al primer envío responde con un reinicio, y el
        // segundo lo nota. Antes, podía llegarle a tiempo de leerlo.
        chat.let_settle();
        intruder.try_send(&insistent);
        intruder.try_send(&insistent);
        intruder.expect_end()?;
    }
    let beto = join(chat, "beto")?;
    ana.expect_frame(joined(2, &beto))?;
    say_goodbye(ana, vec![beto])
}

fn two_hundred(chat: &Conversation) -> Result<(), Failure> {
    const COUNT: usize = 200;
    raise_descriptor_limit();
    let mut peers = (1..=COUNT)
        .map(|number| join(chat, &format!("cliente-{number}")))
        .collect::<Result<Vec<_>, _>>()?;
    let arrivals: Vec<String> =
        peers.iter().zip(1..).map(|(peer, count)| joined(count, peer)).collect();
    for (index, peer) in peers.iter_mut().enumerate() {
        // Cada cual ve llegar a los que llegaron después, y con su cuenta.
        for arrival in &arrivals[index + 1..] {
            peer.expect_frame(arrival)?;
        }
    }
    let (speaker, listeners) = peers.split_at_mut(1);
    speaker[0].send_frame("¿se me oye?")?;
    let message = said(&speaker[0], "¿se me oye?");
    for listener in listeners {
        listener.expect_frame(&message)?;
    }
    let witness = peers.remove(0);
    say_goodbye(witness, peers)
}

/// Una que ya habló y otro que ni se ha presentado.
fn still_inside(chat: &Conversation) -> Result<Vec<Peer>, Failure> {
    let silent = chat.peer("callado")?;
    Ok(vec![silent, join(chat, "ana")?])
}

/// Los demás se van, el testigo ve que se han ido todos, y se va el último.
///
/// Así la etapa siguiente encuentra el servidor vacío: los que quedaran contarían en sus avisos.
fn say_goodbye(mut witness: Peer, others: Vec<Peer>) -> Result<(), Failure> {
    let mut farewells: Vec<String> = others.iter().map(left).collect();
    // En orden: cerrar con algo sin leer sería un reinicio, que es cosa de otra etapa.
    for mut peer in others {
        peer.half_close()?;
        peer.drain()?;
    }
    while !farewells.is_empty() {
        let text = witness.next_frame()?;
        match farewells.iter().position(|farewell| *farewell == text) {
            Some(index) => drop(farewells.swap_remove(index)),
            None => {
                return Err(witness.mismatch(
                    "Solo se esperaban avisos de salida.",
                    farewells[0].as_str(),
                    text,
                ));
            }
        }
    }
    witness.leave()
}

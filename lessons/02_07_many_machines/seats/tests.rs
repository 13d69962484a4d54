//! Quién oye qué, pase lo que pase.

use super::*;
use proptest::prelude::*;

/// Lo que puede pasar, y a quién.
#[derive(Debug, Clone, Copy)]
enum Step {
    Join,
    Say,
    Read,
    Leave,
    Close,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let step = prop_oneof![
        2 => Just(Step::Join),
        4 => Just(Step::Say),
        4 => Just(Step::Read),
        1 => Just(Step::Leave),
        1 => Just(Step::Close),
    ];
    prop::collection::vec((step, 1..5_u64), 0..80)
}

fn happen(seats: &mut Seats, client: u64, event: Event) {
    let place = seats.place();
    let (n, bytes) = (place.n + 1, place.bytes + event.size());
    let member = Member { epoch: String::new(), client: ClientId(client) };
    seats.apply(Entry { place: Place { n, bytes, id: n.to_string() }, member, event });
}

/// Lo que cada uno debe oír y lo que ha oído.
#[derive(Default)]
struct Listener {
    due: Vec<String>,
    heard: Vec<String>,
    leaving: bool,
}

fn read(seats: &mut Seats, id: u64, listener: &mut Listener) {
    while let Parcel::Bytes(bytes, upto) = seats.next_for(ClientId(id)) {
        let mut rest = &bytes[..];
        while let Some((text, used)) = frame::decode(rest).unwrap() {
            listener.heard.push(text.to_owned());
            rest = &rest[used..];
        }
        if let Some(upto) = upto {
            seats.heard(ClientId(id), upto);
        }
    }
}

proptest! {
    #[test]
    fn cada_uno_oye_lo_que_se_dice_mientras_está_y_después_se_olvida(steps in steps()) {
        let mut seats = Seats::default();
        let mut listeners: BTreeMap<u64, Listener> = BTreeMap::new();
        for (number, (step, id)) in steps.into_iter().enumerate() {
            let inside = listeners.contains_key(&id);
            match step {
                Step::Join if !inside => {
                    seats.open(ClientId(id));
                    let (name, address) = (id.to_string(), IpAddr::from([127, 0, 0, 1]));
                    seats.expect(ClientId(id), "", &name, address);
                    for other in listeners.values_mut().filter(|other| !other.leaving) {
                        other.due.push(joined(1, &name, address));
                    }
                    happen(&mut seats, id, Event::Joined { name, address, count: 1 });
                    let due = vec![format!("{CLIENT}{address}")];
                    listeners.insert(id, Listener { due, ..Listener::default() });
                }
                Step::Say if inside => {
                    let text = number.to_string();
                    for (_, other) in listeners.iter_mut().filter(|(other, it)| **other != id && !it.leaving) {
                        other.due.push(text.clone());
                    }
                    happen(&mut seats, id, Event::Said { turn: 1, text });
                }
                Step::Read => {
                    if let Some(listener) = listeners.get_mut(&id) {
                        read(&mut seats, id, listener);
                        prop_assert_eq!(&listener.heard, &listener.due);
                    }
                }
                Step::Leave => {
                    seats.leave(ClientId(id));
                    if let Some(listener) = listeners.get_mut(&id) {
                        listener.leaving = true;
                    }
                }
                Step::Close => {
                    seats.close(ClientId(id));
                    listeners.remove(&id);
                }
                _ => {}
            }
        }
        for (id, listener) in &mut listeners {
            read(&mut seats, *id, listener);
            prop_assert_eq!(&listener.heard, &listener.due);
        }
        prop_assert_eq!(seats.history().backlog(), 0);
    }
}

#[test]
fn si_falta_una_entrada_se_despide_a_todos() {
    let mut seats = Seats::default();
    seats.open(ClientId(1));
    let address = IpAddr::from([127, 0, 0, 1]);
    seats.expect(ClientId(1), "", "ana", address);
    happen(&mut seats, 1, Event::Joined { name: "ana".into(), address, count: 1 });
    assert!(matches!(seats.next_for(ClientId(1)), Parcel::Bytes(..)));
    let member = Member { epoch: "otro".into(), client: ClientId(7) };
    let event = Event::Said { turn: 1, text: "¿y lo anterior?".into() };
    let place = Place { n: 3, bytes: 300, id: "3".into() };
    seats.apply(Entry { place, member, event });
    assert!(matches!(seats.next_for(ClientId(1)), Parcel::Close(CloseReason::Refused(MISSED))));
    assert!(MISSED.contains(multiplexacion::chat::COME_BACK));
}

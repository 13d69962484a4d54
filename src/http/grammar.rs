//! Propiedades de [`parse_head`]: unas cabeceras escritas con la gramática de la RFC 9112 a la vista,
//! sin preguntar a ningún analizador, y lo que se ha de entender en cada una.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Body, Chunk, Method, Persistence, Request, end_of_head, leading_blank, parse_head};

/// Una cabecera válida, por partes, y lo que dice.
#[derive(Debug)]
struct Head {
    first: String,
    fields: Vec<String>,
    /// Los finales de cada línea, por turno.
    ends: Vec<&'static str>,
    method: Method,
    persistence: Persistence,
    body: Body,
    expects_continue: bool,
}

impl Head {
    fn bytes(&self) -> Vec<u8> {
        let lines = [&self.first].into_iter().chain(&self.fields).map(String::as_str).chain([""]);
        let ends = self.ends.iter().cycle();
        lines.zip(ends).flat_map(|(line, end)| [line, end].concat().into_bytes()).collect()
    }
}

fn host() -> impl Strategy<Value = String> {
    let names = "[a-zA-Z0-9._~!$&'()*+,;=-]{1,12}|(%[0-9a-fA-F]{2}){1,3}|\\[::1\\]|\\[v1\\.a:b\\]";
    (names, "(:[0-9]{0,5})?").prop_map(|(name, port)| name + &port)
}

fn method_and_target() -> impl Strategy<Value = (String, Method, String)> {
    let known = select(vec!["POST", "PUT", "DELETE", "TRACE", "PATCH", "OPTIONS"]);
    let method = prop_oneof![
        4 => Just(("GET".to_owned(), Method::Get)),
        2 => Just(("HEAD".to_owned(), Method::Head)),
        2 => known.prop_map(|name| (name.to_owned(), Method::Known)),
        // Ninguno de los conocidos lleva una marca.
        1 => "[A-Za-z0-9]{0,5}[!#$%&'*+.^_`|~-][a-z]{0,5}".prop_map(|name| (name, Method::Unknown)),
    ];
    let path = "/[!-\"$-~]{0,20}";
    let target = prop_oneof![
        3 => path.boxed(),
        1 => ("(http|HTTPS|a1\\+b-c\\.d)://", host(), "(/[a-z]{0,5})?(\\?[a-z:/?]{0,5})?")
            .prop_map(|(scheme, host, rest)| scheme + &host + &rest).boxed(),
    ];
    prop_oneof![
        8 => (method, target).prop_map(|((name, method), target)| (name, method, target)),
        1 => Just(("OPTIONS".to_owned(), Method::Known, "*".to_owned())),
        1 => "[a-z.]{1,9}:[1-9][0-9]{0,3}".prop_map(|target| ("CONNECT".to_owned(), Method::Known, target)),
    ]
}

/// Un campo de los que no cambian nada.
fn other_field() -> impl Strategy<Value = String> {
    (
        "X[!#$%&'*+.^_`|~0-9A-Za-z-]{0,12}",
        "[ \t]{0,3}",
        "([!-~ñ]([ \t!-~ñ]{0,20}[!-~ñ])?)?",
        "[ \t]{0,3}",
    )
        .prop_map(|(name, before, value, after)| format!("{name}:{before}{value}{after}"))
}

prop_compose! {
    fn head()(
        (name, method, target) in method_and_target(),
        minor in prop_oneof![2 => Just(0), 6 => Just(1), 1 => 2..=9],
        host in host(),
        close in any::<bool>(),
        keep in any::<bool>(),
        (framing, length) in (0..3, 0..100_u64),
        expects in any::<bool>(),
        mut fields in vec(other_field(), 0..5),
        places in vec(any::<Index>(), 6),
        ends in vec(select(vec!["\r\n", "\n"]), 1..4),
    ) -> Head {
        let mut special = vec![format!("hOst: {host}")];
        if close { special.push("Connection:,x ,\tCLOSE".to_owned()) }
        if keep { special.push("connection: Keep-Alive".to_owned()) }
        if expects { special.push("Expect: a=b, 100-Continue".to_owned()) }
        let chunked = framing == 1 && minor > 0;
        if chunked { special.push("Transfer-encoding: , Chunked".to_owned()) }
        if framing == 2 { special.push(format!("CONTENT-LENGTH: {length:03}")) }
        for (field, place) in special.into_iter().zip(places) {
            fields.insert(place.index(fields.len() + 1), field);
        }
        Head {
            first: format!("{name} {target} HTTP/1.{minor}"),
            fields,
            ends,
            method,
            persistence: match (close, minor, keep) {
                (true, ..) | (false, 0, false) => Persistence::Close,
                (false, 0, true) => Persistence::Explicit,
                _ => Persistence::Implicit,
            },
            body: match framing {
                1 if chunked => Body::Chunked { next: Chunk::Size, total: 0 },
                2 => Body::Sized(length),
                _ => Body::Sized(0),
            },
            expects_continue: expects && minor > 0,
        }
    }
}

/// Lo que estropea una cabecera, esté donde esté.
fn spoil(mut head: Head, how: usize, place: Index, byte: u8) -> Vec<u8> {
    let field = place.index(head.fields.len());
    let is_1_0 = head.first.ends_with('0');
    let host = head.fields.iter().position(|field| field.starts_with("hOst")).unwrap_or_default();
    match how {
        0 => head.first.insert(0, ' '),
        1 => head.first = head.first.replacen(' ', "  ", 1),
        2 => head.first = head.first.replace("HTTP/1.", "HTTP/2."),
        3 => head.first.push('0'),
        4 => head.first = head.first.replace(' ', "\t"),
        5 => head.fields[field] = head.fields[field].replacen(':', " :", 1),
        6 => head.fields[field].insert(0, '\t'),
        7 => head.fields[field] = "sin dos puntos".to_owned(),
        8 => head.fields.insert(field, "Host: otro".to_owned()),
        9 => head.fields[host] += "@",
        // En HTTP/1.0 puede faltar.
        10 if !is_1_0 => drop(head.fields.remove(host)),
        11 => head.fields.insert(field, "Content-Length: +1".to_owned()),
        12 => head.fields.extend(["Content-Length: 1".to_owned(), "Content-Length: 1".to_owned()]),
        13 => head.fields.push("Transfer-Encoding: gzip".to_owned()),
        14 => head.fields.insert(field, "Transfer-Encoding: chunked, chunked".to_owned()),
        15 => head.fields.insert(field, "Content-Length: 1048577".to_owned()),
        16 => head.fields = vec!["a: b".to_owned(); 101],
        17 => head.first = head.first.replacen(' ', " #", 1),
        _ => {
            // Un byte de control, en cualquier sitio menos detrás del final.
            let mut bytes = head.bytes();
            let place = place.index(bytes.len());
            bytes.insert(place, byte);
            return bytes;
        }
    }
    head.bytes()
}

/// La petición, o el código con el que se rechaza.
type Verdict = Result<Option<Request>, u16>;

fn parse(bytes: &[u8], scanned: usize) -> Verdict {
    parse_head(bytes, scanned).map_err(|refusal| refusal.status.code)
}

/// El veredicto cuando los bytes llegan cortados por ahí.
fn in_pieces(bytes: &[u8], cuts: &[Index]) -> Verdict {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
    cuts.sort_unstable();
    let mut scanned = 0;
    for received in cuts.into_iter().chain([bytes.len()]) {
        match parse(&bytes[..received], scanned) {
            Ok(None) => scanned = received,
            verdict => return verdict,
        }
    }
    Ok(None)
}

fn byte_by_byte(bytes: &[u8]) -> Verdict {
    let mut verdicts = (1..=bytes.len()).map(|received| parse(&bytes[..received], received - 1));
    verdicts.find(|verdict| *verdict != Ok(None)).unwrap_or(Ok(None))
}

proptest! {
    #[test]
    fn una_cabecera_válida_se_entiende_llegue_como_llegue(
        head in head(),
        rest in "[a:\r\n]{0,20}",
        cuts in vec(any::<Index>(), 0..4),
    ) {
        let bytes = head.bytes();
        let head_length = bytes.len();
        prop_assert_eq!(end_of_head(&bytes), Some(head_length));
        let Head { method, persistence, body, expects_continue, .. } = head;
        let expected = Ok(Some(Request { head_length, method, persistence, body, expects_continue }));
        let bytes = [bytes, rest.into_bytes()].concat();
        prop_assert_eq!(&parse(&bytes, 0), &expected);
        prop_assert_eq!(&in_pieces(&bytes, &cuts), &expected);
        prop_assert_eq!(&byte_by_byte(&bytes), &expected);
        // Y antes de su final, nadie la da por mala.
        for received in 0..head_length {
            prop_assert_eq!(parse(&bytes[..received], 0), Ok(None));
        }
    }

    #[test]
    fn una_cabecera_estropeada_se_rechaza_llegue_como_llegue(
        head in head(),
        how in 0..24_usize,
        place in any::<Index>(),
        byte in select([&(0..9_u8).collect::<Vec<_>>()[..], &[11, 12, 14, 22, 31, 127]].concat()),
        cuts in vec(any::<Index>(), 0..4),
    ) {
        let bytes = spoil(head, how, place, byte);
        let verdict = parse(&bytes, 0);
        prop_assert!(verdict.as_ref().is_err_and(|code| *code >= 400), "{:?}", verdict);
        prop_assert_eq!(&in_pieces(&bytes, &cuts), &verdict);
        prop_assert_eq!(&byte_by_byte(&bytes), &verdict);
    }

    #[test]
    fn ningún_corte_de_ningunos_bytes_cambia_el_veredicto(
        pieces in vec(prop_oneof![
            select(vec![
                "GET / HTTP/1.1", "GET", " ", "/", "http://", "HTTP/1.1", "HTTP/2.0", "\r\n", "\n", "\r",
                "Host: a", "Host: [", "Content-Length: 5", "Content-Length: 9999999", "X: y", ":", "\t",
                "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Connection: close", "\0", "\u{16}",
            ]).prop_map(|text| text.as_bytes().to_vec()),
            vec(any::<u8>(), 0..3),
        ], 1..14),
        cuts in vec(any::<Index>(), 0..5),
    ) {
        let bytes = pieces.concat();
        // Las líneas vacías de delante las quita quien llama.
        let bytes = &[&bytes[leading_blank(&bytes)..], b" "].concat();
        let verdict = parse(bytes, 0);
        prop_assert_eq!(&in_pieces(bytes, &cuts), &verdict);
        prop_assert_eq!(&byte_by_byte(bytes), &verdict);
    }
}

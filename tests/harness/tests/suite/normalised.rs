//! Los informes, sin lo que cambia de una vez a otra: los momentos, los puertos y los procesos; y
//! sin lo que se le dice a `curl` donde hay un intermediario.

use harness::Failure;
use regex_lite::Regex;

/// Lo que cambia, y lo que se pone en su lugar.
const VARYING: [(&str, &str); 6] = [
    (r"(127\.0\.0\.1:|nc -N 127\.0\.0\.1 )[0-9]+", "${1}PUERTO"),
    (r"\(proceso [0-9]+", "(proceso PID"),
    (r"» \([0-9]+", "» (TID"),
    (" --noproxy '\\*'", ""),
    // `Sun, 06 Nov 1994 08:49:37 GMT`, salvo la fecha fija de la receta, que es de 2013.
    (
        r"Date: ([^0-9\n]*[0-9]+ [A-Z][a-z]+ (?:20[02-9][0-9]|201[0-24-9]) [0-9:]+) GMT",
        "Date: FECHA",
    ),
    // En el acta, cada suceso empieza por sus milisegundos, alineados a la derecha.
    (r"(?m)^ *[0-9]+(  .*)$", "      ms$1"),
];

pub(crate) fn report(failure: &Failure) -> String {
    let plain = |text: String, (pattern, plain): &(&str, &str)| {
        Regex::new(pattern).unwrap().replace_all(&text, *plain).into_owned()
    };
    VARYING.iter().fold(failure.to_string(), plain).trim_end().to_owned()
}

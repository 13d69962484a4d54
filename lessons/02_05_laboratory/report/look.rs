//! Qué se enseña de cada experimento: sus títulos, sus columnas y sus vistas. Cómo, lo dicen
//! [`terminal`](super::terminal) y [`page`](super::page), que sirven para todos.

use crate::measures::{
    CALLS, CHAT, CPU, DELIVERIES, DELIVERY, ENGINES, IDLE_MEMORY, MEMORY, Measure, PIPELINED,
    PLAIN_REQUEST, RATE, SWITCHES, TAIL, THREADS, WEB,
};
use crate::results::{Kind, Report, Row};
use crate::web::{DEPTH, OURS, idle};
use crate::wording::{connections, count};

/// Lo que se enseña de un experimento.
pub(crate) struct Look {
    pub(crate) heading: &'static str,
    /// Cómo se leen sus cifras.
    pub(crate) reading: String,
    /// Cómo se llama quien se mide: «motor».
    pub(crate) who: &'static str,
    /// Lo que dice el eje horizontal, y en qué se cuenta: «conexiones».
    pub(crate) across: (&'static str, &'static str),
    /// Las columnas.
    pub(crate) measures: &'static [&'static Measure],
    /// Si a cada cifra la acompaña lo que gasta la primera fila entre lo que gasta esta.
    pub(crate) ratios: bool,
    pub(crate) views: Vec<View>,
}

/// Una medida en unas cuantas filas: en la terminal, barras o una tabla; en la página, una gráfica.
pub(crate) struct View {
    /// Cómo se llama su gráfica, sin extensión.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) measure: &'static Measure,
    rows: Rows,
    /// Si en la terminal son barras, y no una tabla.
    pub(crate) bars: bool,
    /// Cómo se lee su gráfica; sin nada que decir, no la hay.
    pub(crate) reading: &'static str,
}

/// Qué filas.
#[derive(Clone, Copy)]
enum Rows {
    /// Aquellas en que unas pocas hablan y las demás callan.
    Idle,
    /// Aquellas en que hablan todas.
    Busy,
    All,
}

impl View {
    /// Sus filas de `who`, de menos conexiones a más.
    pub(crate) fn rows<'a>(
        &self,
        report: &'a Report,
        who: &'a str,
    ) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        match self.rows {
            Rows::Idle => Box::new(report.idle(who)),
            Rows::Busy => Box::new(report.busy(who)),
            Rows::All => Box::new(report.of(who)),
        }
    }
}

impl Report {
    /// Lo que se enseña de él.
    pub(crate) fn look(&self) -> Look {
        match self.kind {
            Kind::Engines => engines(self),
            Kind::Web => web(self),
            Kind::Chat => chat(),
        }
    }
}

fn engines(report: &Report) -> Look {
    let few = format!("con {} activas", report.few);
    let silent = format!("{few} y las demás ociosas");
    let rate = count(u64::from(report.rate));
    let table = |title: String, measure, rows| View {
        name: "",
        title,
        measure,
        rows,
        bars: false,
        reading: "",
    };
    Look {
        heading: "Lo que afirman los apuntes, medido en esta máquina",
        reading: String::new(),
        who: "motor",
        across: ("conexiones abiertas", "conexiones"),
        measures: &ENGINES,
        ratios: false,
        views: vec![
            View {
                name: "costo",
                bars: true,
                reading: "Una línea horizontal es un costo que no depende de las que callan; una que \
                          sube crece con ellas. Es la cifra más firme.",
                ..table(format!("Procesador por mensaje, {silent}"), &CPU, Rows::Idle)
            },
            View {
                name: "espera",
                reading: "Más abajo es mejor. Es la gráfica más ruidosa: compara formas, y no décimas. \
                          Una marca hueca es un tope: más de la mitad de esa espera es del generador.",
                ..table(
                    format!("Espera p99 a {rate} mensajes por segundo, {few}"),
                    &TAIL,
                    Rows::Idle,
                )
            },
            View {
                name: "memoria",
                reading: "Lo que ocupa en el programa cada conexión callada; lo que el núcleo guarda de \
                          cada socket va aparte.",
                ..table("Memoria residente por conexión".to_owned(), &MEMORY, Rows::Idle)
            },
            View {
                name: "caudal",
                reading: "Más arriba es mejor. Una marca hueca es un mínimo: el generador llenó su \
                          procesador, y el motor podría con más.",
                ..table("Mensajes por segundo, con todas activas".to_owned(), &RATE, Rows::Busy)
            },
            table("Procesador por mensaje, con todas activas".to_owned(), &CPU, Rows::Busy),
            table(format!("Llamadas al sistema por mensaje, {few}"), &CALLS, Rows::Idle),
            table(format!("Cambios de contexto por mensaje, {few}"), &SWITCHES, Rows::Idle),
            table("Hilos".to_owned(), &THREADS, Rows::Idle),
        ],
    }
}

fn web(report: &Report) -> Look {
    let bars = |name, title, measure, reading| View {
        name,
        title,
        measure,
        rows: Rows::All,
        bars: true,
        reading,
    };
    Look {
        heading: "La web de la lección 02_04, medida en esta máquina",
        reading: format!(
            "«×» es lo que gasta {OURS} entre lo que gasta el otro, ronda a ronda: por debajo de 1, la \
             lección gasta menos."
        ),
        who: "servidor",
        across: ("conexiones abiertas", "conexiones"),
        measures: &WEB,
        ratios: true,
        views: vec![
            bars(
                "web-una",
                "Procesador por petición, de una en una".to_owned(),
                &PLAIN_REQUEST,
                "Más corta es mejor, y el doble de larga es el doble. La mayor parte de cada barra es \
                 el viaje por el núcleo, que hacen todos: lo que distingue a un programa de otro es lo \
                 que pasa de «el suelo».",
            ),
            bars(
                "web-encadenadas",
                format!("Procesador por petición, de {DEPTH} en {DEPTH}"),
                &PIPELINED,
                "El mismo viaje se reparte entre todas las de un envío, y queda a la vista lo que \
                 gasta el programa.",
            ),
            bars(
                "web-memoria",
                format!("Memoria por conexión callada, con {}", connections(idle(&report.machine))),
                &IDLE_MEMORY,
                "Lo que ocupa en el programa cada conexión que ya preguntó y calla; lo que el núcleo \
                 guarda de cada socket va aparte.",
            ),
        ],
    }
}

fn chat() -> Look {
    let view = |name, title: &str, measure, bars, reading| View {
        name,
        title: title.to_owned(),
        measure,
        rows: Rows::All,
        bars,
        reading,
    };
    Look {
        heading: "El chat de la lección 02_03, medido en esta máquina",
        reading: "Una entrega es un mensaje que llega a uno.".to_owned(),
        who: "servidor",
        across: ("clientes conectados", "clientes"),
        measures: &CHAT,
        ratios: false,
        views: vec![
            view(
                "chat-costo",
                "Procesador por entrega",
                &DELIVERY,
                true,
                "Más abajo es mejor. Con más oyentes, lo que cuesta leer y validar un mensaje se \
                 reparte entre más entregas.",
            ),
            view(
                "chat-caudal",
                "Entregas por segundo",
                &DELIVERIES,
                false,
                "Más arriba es mejor. Una marca hueca es un mínimo: quien hace de clientes llenó su \
                 procesador, y el servidor podría con más.",
            ),
        ],
    }
}

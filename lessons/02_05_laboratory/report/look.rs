//! Qué se enseña de cada experimento: sus títulos, sus columnas y sus vistas. Cómo, lo dicen
//! `terminal` y `page`, que sirven para todos.

use crate::measures::{
    CALLS, CHAT, CPU, DELIVERIES, DELIVERY, ENGINES, HOP, IDLE_MEMORY, MEMORY, Measure, PIPELINED,
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
    /// Una tabla, sin gráfica.
    fn of(measure: &'static Measure, rows: Rows, title: &str) -> View {
        View { name: "", title: title.to_owned(), measure, rows, bars: false, reading: "" }
    }

    fn bars(self) -> View {
        View { bars: true, ..self }
    }

    fn drawn(self, name: &'static str, reading: &'static str) -> View {
        View { name, reading, ..self }
    }

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
    let rate = count(u64::from(report.rate));
    let views = vec![
        View::of(&CPU, Rows::Idle, &format!("Procesador por mensaje, {few} y las demás ociosas"))
            .bars()
            .drawn(
                "costo",
                "Una línea horizontal es un costo que no depende de las que callan; una que sube crece \
                 con ellas. Es la cifra más firme.",
            ),
        View::of(&TAIL, Rows::Idle, &format!("Espera p99 a {rate} mensajes por segundo, {few}"))
            .drawn(
                "espera",
                "Más abajo es mejor. Es la gráfica más ruidosa: compara formas, y no décimas. Una marca \
                 hueca es un tope: más de la mitad de esa espera es del generador.",
            ),
        View::of(&MEMORY, Rows::Idle, "Memoria residente por conexión").drawn(
            "memoria",
            "Lo que ocupa en el programa cada conexión callada; lo que el núcleo guarda de cada socket \
             va aparte.",
        ),
        View::of(&RATE, Rows::Busy, "Mensajes por segundo, con todas activas").drawn(
            "caudal",
            "Más arriba es mejor. Una marca hueca es un mínimo: el generador llenó su procesador, y el \
             motor podría con más.",
        ),
        View::of(&CPU, Rows::Busy, "Procesador por mensaje, con todas activas"),
        View::of(&CALLS, Rows::Idle, &format!("Llamadas al sistema por mensaje, {few}")),
        View::of(&SWITCHES, Rows::Idle, &format!("Cambios de contexto por mensaje, {few}")),
        View::of(&THREADS, Rows::Idle, "Hilos"),
    ];
    Look {
        heading: "Lo que afirman los apuntes, medido en esta máquina",
        reading: String::new(),
        who: "motor",
        across: ("conexiones abiertas", "conexiones"),
        measures: &ENGINES,
        ratios: false,
        views,
    }
}

fn web(report: &Report) -> Look {
    let memory =
        format!("Memoria por conexión callada, con {}", connections(idle(&report.machine)));
    let views = vec![
        View::of(&PLAIN_REQUEST, Rows::All, "Procesador por petición, de una en una").bars().drawn(
            "web-una",
            "Más corta es mejor, y el doble de larga es el doble. La mayor parte de cada barra es el \
             viaje por el núcleo, que hacen todos: lo que distingue a un programa de otro es lo que \
             pasa de «el suelo».",
        ),
        View::of(&PIPELINED, Rows::All, &format!("Procesador por petición, de {DEPTH} en {DEPTH}"))
            .bars()
            .drawn(
                "web-encadenadas",
                "El mismo viaje se reparte entre todas las de un envío, y queda a la vista lo que gasta \
                 el programa.",
            ),
        View::of(&IDLE_MEMORY, Rows::All, &memory).bars().drawn(
            "web-memoria",
            "Lo que ocupa en el programa cada conexión que ya preguntó y calla; lo que el núcleo guarda \
             de cada socket va aparte.",
        ),
    ];
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
        views,
    }
}

fn chat() -> Look {
    let views = vec![
        View::of(&DELIVERY, Rows::All, "Procesador por entrega").bars().drawn(
            "chat-costo",
            "Más abajo es mejor. Con más oyentes, lo que cuesta leer y validar un mensaje se reparte \
             entre más entregas.",
        ),
        View::of(&DELIVERIES, Rows::All, "Entregas por segundo").drawn(
            "chat-caudal",
            "Más arriba es mejor. Una marca hueca es un mínimo: quien hace de clientes llenó su \
             procesador, y el servidor podría con más.",
        ),
        View::of(&HOP, Rows::All, "Lo que tarda un mensaje de uno a otro, sin nadie más"),
    ];
    Look {
        heading: "El chat de la lección 02_03, medido en esta máquina",
        reading: "Una entrega es un mensaje que llega a uno.".to_owned(),
        who: "servidor",
        across: ("clientes conectados", "clientes"),
        measures: &CHAT,
        ratios: false,
        views,
    }
}

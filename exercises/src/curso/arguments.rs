//! Lo que se escribe en la línea de órdenes, con ayuda y errores en español.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand};
use multiplexacion::cli;

#[cfg(feature = "docente")]
use crate::teacher::Request;

const TEMPLATE: &str = "{about}\n\nUso: {usage}\n\nÓrdenes:\n{subcommands}{after-help}";
const ORDER_TEMPLATE: &str =
    "{about}\n\nUso: {usage}\n\nArgumentos y opciones:\n{positionals}\n{options}{after-help}";
const PLAIN_TEMPLATE: &str = "{about}\n\nUso: {usage}\n\nOpciones:\n{options}{after-help}";

/// Te guía por los ejercicios, de la primera lectura a un servidor web
#[derive(Parser, Debug)]
#[command(
    name = "curso",
    bin_name = "cargo curso",
    help_template = TEMPLATE,
    override_usage = "cargo curso [ORDEN]",
    after_help = "Sin ORDEN, dice dónde estás y qué sigue. `cargo curso ORDEN --help` explica cada una.\n\
                  ID es el nombre de un ejercicio, entero (02_02_1_eco) o en parte (eco).",
    disable_help_flag = true,
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    order: Option<Order>,

    /// Muestra esta ayuda
    #[arg(short, long, action = ArgAction::Help, global = true)]
    help: Option<bool>,
}

/// Lo que se puede pedir.
#[derive(Subcommand, Debug)]
pub(crate) enum Order {
    /// Muestra el enunciado del próximo ejercicio
    #[command(name = "siguiente", help_template = PLAIN_TEMPLATE, override_usage = "cargo curso siguiente")]
    Next,

    /// Muestra el enunciado de un ejercicio
    #[command(name = "enunciado", help_template = ORDER_TEMPLATE, override_usage = "cargo curso enunciado [ID]")]
    Statement(Chosen),

    /// Enumera los ejercicios y dice cuáles están superados
    #[command(name = "lista", help_template = PLAIN_TEMPLATE, override_usage = "cargo curso lista")]
    List,

    /// Comprueba un ejercicio
    #[command(name = "probar", help_template = ORDER_TEMPLATE, override_usage = "cargo curso probar [ID]")]
    Check(Chosen),

    /// Comprueba un ejercicio cada vez que lo guardas; `q` para salir
    #[command(name = "vigilar", help_template = ORDER_TEMPLATE, override_usage = "cargo curso vigilar [ID]")]
    Watch(Chosen),

    /// Da una pista; cada vez que la pides, otra más clara
    #[command(name = "pista", help_template = ORDER_TEMPLATE, override_usage = "cargo curso pista [ID]")]
    Hint(Chosen),

    /// Enseña la solución de un ejercicio superado, si esta copia la lleva
    #[command(name = "solucion", help_template = ORDER_TEMPLATE, override_usage = "cargo curso solucion ID [--rendirse]")]
    Solution {
        /// El ejercicio
        #[arg(value_name = "ID")]
        id: String,
        /// La enseña aunque no lo hayas superado
        #[arg(long = "rendirse")]
        give_up: bool,
    },

    /// Compara lo que escribiste, ya superado, con la solución, si esta copia la lleva
    #[command(name = "comparar", help_template = ORDER_TEMPLATE, override_usage = "cargo curso comparar ID")]
    Compare {
        /// El ejercicio
        #[arg(value_name = "ID")]
        id: String,
    },

    /// Devuelve un ejercicio a su principio y guarda una copia de lo tuyo
    #[command(name = "reiniciar", help_template = ORDER_TEMPLATE, override_usage = "cargo curso reiniciar ID")]
    Restart {
        /// El ejercicio
        #[arg(value_name = "ID")]
        id: String,
    },

    /// Trae lo nuevo del curso; lo que escribiste y lo superado siguen como estaban
    #[command(name = "actualizar", help_template = PLAIN_TEMPLATE, override_usage = "cargo curso actualizar")]
    Update,

    /// Trae de otra copia del curso lo que escribiste en ella y lo superado
    #[command(name = "traer", help_template = ORDER_TEMPLATE, override_usage = "cargo curso traer CARPETA")]
    Bring {
        /// La otra copia del curso
        #[arg(value_name = "CARPETA")]
        older: PathBuf,
    },

    /// Pone en marcha lo que escribiste, para hablarle con `nc`
    #[command(name = "ejecutar", help_template = ORDER_TEMPLATE, override_usage = "cargo curso ejecutar [ID] [--port N] [-v]")]
    Run {
        #[command(flatten)]
        chosen: Chosen,
        /// Puerto en el que escucha, o al que llama si es un cliente; 0 deja que elija el núcleo
        #[arg(long, value_name = "N", value_parser = cli::port, default_value = "0")]
        port: u16,
        /// Cuenta cada paso de tu programa, como las lecciones (necesita strace)
        #[arg(short, long)]
        verbose: bool,
    },

    /// Mira por dentro lo que escribiste, paso a paso y en el navegador (necesita strace)
    #[command(name = "ver", help_template = ORDER_TEMPLATE, override_usage = "cargo curso ver [ID] [--port N] [--grabar ARCHIVO.html] [--no-abrir]")]
    Inside {
        #[command(flatten)]
        chosen: Chosen,
        /// Puerto en el que escucha, o al que llama si es un cliente; 0 deja que elija el núcleo
        #[arg(long, value_name = "N", value_parser = cli::port, default_value = "0")]
        port: u16,
        /// Deja en ARCHIVO una página completa, que se abre sin red, en lugar de abrir el navegador
        #[arg(long = "grabar", value_name = "ARCHIVO.html")]
        page: Option<PathBuf>,
        /// Dice dónde está la página, y no abre el navegador
        #[arg(long = "no-abrir")]
        stay_closed: bool,
    },

    /// Cuenta lo que strace ve, que llega por la entrada
    #[command(name = "relatar", hide = true, help_template = PLAIN_TEMPLATE, override_usage = "cargo curso relatar")]
    Narrate,

    /// Examina un servidor, en el lenguaje que sea, con las etapas de una lección
    #[command(
        name = "evaluar",
        help_template = ORDER_TEMPLATE,
        override_usage = "cargo curso evaluar LECCIÓN [--etapa N] [--port N] -- ORDEN…",
        after_help = "Por ejemplo: cargo curso evaluar 02_02 -- python3 eco.py\n\
                      El servidor dice dónde escucha en la primera línea de su salida, «Escuchando \
                      en 127.0.0.1:8800»;\nsi no dice nada, indica su puerto con --port. Lo que \
                      se le pide: cargo curso contrato LECCIÓN"
    )]
    Grade {
        /// La lección: 02_02, 02_03 o 02_04
        #[arg(value_name = "LECCIÓN")]
        lesson: String,
        /// Solo esa etapa (si falta, todas)
        #[arg(long = "etapa", value_name = "N", value_parser = cli::count)]
        stage: Option<usize>,
        /// El puerto de 127.0.0.1 en el que escucha un servidor que no lo dice
        #[arg(long, value_name = "N", value_parser = cli::port)]
        port: Option<u16>,
        /// Lo que arranca el servidor; no hace falta si ya está en marcha y dices su --port
        #[arg(value_name = "ORDEN", last = true)]
        server: Vec<OsString>,
    },

    /// Muestra el contrato de una lección: lo que ha de hacer su servidor, regla a regla
    #[command(
        name = "contrato",
        help_template = ORDER_TEMPLATE,
        override_usage = "cargo curso contrato LECCIÓN"
    )]
    Contract {
        /// La lección: 02_02, 02_03 o 02_04
        #[arg(value_name = "LECCIÓN")]
        lesson: String,
    },

    /// Comprueba todos los ejercicios, para la integración continua y para docentes
    #[command(
        name = "revisar",
        help_template = PLAIN_TEMPLATE,
        override_usage = "cargo curso revisar [--json ARCHIVO] [--junit ARCHIVO]",
        after_help = "Termina con 0 si todo está superado, y con 1 si no."
    )]
    Review {
        /// Escribe el resultado en ARCHIVO, en JSON
        #[arg(long, value_name = "ARCHIVO")]
        json: Option<PathBuf>,
        /// Escribe el resultado en ARCHIVO, en el XML de JUnit
        #[arg(long, value_name = "ARCHIVO")]
        junit: Option<PathBuf>,
    },

    /// Comprueba los ejercicios mismos: principio, solución y errores típicos
    #[command(
        name = "verificar",
        help_template = ORDER_TEMPLATE,
        override_usage = "cargo curso verificar [ID] [--veces N] [--a-mano]",
        after_help = "El principio ha de compilar y fallar en todas las pruebas; la solución, pasarlas\n\
                      y no recibir ningún aviso de clippy; y cada error típico, recibir exactamente su mensaje."
    )]
    Verify {
        /// El ejercicio; si falta, todos
        #[arg(value_name = "ID")]
        id: Option<String>,
        /// Cuántas veces se ejecuta cada versión
        #[arg(long = "veces", value_name = "N", value_parser = cli::count, default_value = "1")]
        times: usize,
        /// Ejecuta también lo que cada informe ofrece para repetirlo a mano: ha de repetir el fallo
        #[arg(long = "a-mano")]
        by_hand: bool,
    },

    /// Cambia las soluciones de mil maneras, y exige que alguna prueba lo note
    #[command(
        name = "mutar",
        help_template = ORDER_TEMPLATE,
        override_usage = "cargo curso mutar [ID]",
        after_help = "Necesita cargo-mutants. Lo que hace lo mismo que la solución se explica en el \
                      equivalentes.md de su ejercicio."
    )]
    Mutate {
        /// El ejercicio; si falta, todos
        #[arg(value_name = "ID")]
        id: Option<String>,
    },

    /// Crea los archivos de un ejercicio nuevo
    #[command(name = "nuevo", help_template = ORDER_TEMPLATE, override_usage = "cargo curso nuevo ID")]
    New {
        /// LECCIÓN_NÚMERO_NOMBRE, como 02_03_9_mi_ejercicio
        #[arg(value_name = "ID")]
        id: String,
    },

    /// Comprueba los trabajos de una clase, cada uno en una carpeta
    #[command(
        name = "clase",
        help_template = ORDER_TEMPLATE,
        override_usage = "cargo curso clase CARPETA… [OPCIONES]",
        after_help = "Usa las pruebas de este curso, y no las de cada carpeta; de ellas toma solo \
                      el `ejercicio.rs` de cada ejercicio,\ny lo compila y lo ejecuta aislado, con \
                      bubblewrap. Repetida con el mismo --csv, sigue donde se quedó."
    )]
    Classroom(Classroom),

    /// Copia el curso en otra carpeta, sin soluciones, para repartirlo
    #[command(name = "entregar", help_template = ORDER_TEMPLATE, override_usage = "cargo curso entregar CARPETA")]
    HandOut {
        /// Una carpeta que no exista o esté vacía
        #[arg(value_name = "CARPETA")]
        folder: PathBuf,
    },
}

/// Lo que se pide de una clase.
#[derive(Args, Debug)]
pub(crate) struct Classroom {
    /// Copias del curso, una por estudiante
    #[arg(value_name = "CARPETA", required = true)]
    folders: Vec<PathBuf>,
    /// Qué ejercicios cuentan y cuánto: una línea por ejercicio, «02_02_1_eco 20»
    #[arg(long, value_name = "ARCHIVO")]
    plan: Option<PathBuf>,
    /// Solo ese ejercicio o esa lección; se puede repetir
    #[arg(long = "solo", value_name = "ID")]
    only: Vec<String>,
    /// Escribe la tabla en ARCHIVO, en CSV; si ya está, la continúa
    #[arg(long, value_name = "ARCHIVO")]
    csv: Option<PathBuf>,
    /// Escribe en CARPETA un informe por persona: qué falla y por qué
    #[arg(long = "informes", value_name = "CARPETA")]
    reports: Option<PathBuf>,
    /// Escribe las notas en ARCHIVO, para importarlas en Moodle
    #[arg(long, value_name = "ARCHIVO")]
    moodle: Option<PathBuf>,
    /// Escribe las notas en ARCHIVO, para importarlas en Canvas
    #[arg(long, value_name = "ARCHIVO")]
    canvas: Option<PathBuf>,
    /// Escribe el resultado de una entrega en ARCHIVO, como lo lee Gradescope
    #[arg(long, value_name = "ARCHIVO")]
    gradescope: Option<PathBuf>,
    /// Segundos que puede durar compilar un ejercicio, y pasar sus pruebas
    #[arg(long = "plazo", value_name = "N", value_parser = cli::count, default_value = "60")]
    seconds: usize,
    /// No aísla lo que ejecuta: solo donde no haya nada que perder
    #[arg(long = "sin-aislar")]
    unwalled: bool,
    /// En lugar de calificar carpetas, reúne lo que publicó la integración continua de cada repositorio
    #[arg(long = "desde-ci")]
    from_ci: bool,
}

#[cfg(feature = "docente")]
impl Classroom {
    /// Lo mismo, sin la línea de órdenes.
    pub(crate) fn request(self) -> Request {
        let Classroom { folders, plan, only, csv, reports, moodle, canvas, .. } = self;
        let Classroom { gradescope, seconds, unwalled, from_ci, .. } = self;
        let time = std::time::Duration::from_secs(seconds as u64);
        Request {
            folders,
            plan,
            only,
            csv,
            reports,
            moodle,
            canvas,
            gradescope,
            time,
            unwalled,
            from_ci,
        }
    }
}

/// El ejercicio que se pide.
#[derive(Args, Debug)]
pub(crate) struct Chosen {
    /// El ejercicio; si falta, el próximo
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
}

/// Entiende lo que se pide; nada es «¿dónde estoy?».
///
/// # Errors
/// Se pidió ayuda, o no se entiende lo que se pide: ya está dicho, y queda el código de salida.
pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Option<Order>, ExitCode> {
    cli::parse(words).map(|arguments: Arguments| arguments.order)
}

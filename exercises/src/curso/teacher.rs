//! Lo que sirve a quien enseña: repartir el curso, revisarlo y calificar una clase.
//!
//! | módulo | qué hay |
//! |---|---|
//! | `handout`, `review`, `reviewed`, `junit` | `entregar` y `revisar`, y lo que resultó |
//! | `also_run` | qué más se ejecuta al compilar la carpeta de otra persona |
//! | `classroom` | `clase`: de las carpetas a las notas |
//! | `plan` | qué ejercicios cuentan, y cuánto |
//! | `handed` | qué entregó cada cual, y qué no es una entrega |
//! | `toolbox`, `compile` | las dependencias, compiladas fuera; lo entregado, dentro |
//! | `wall`, `allowance`, `guard` | el muro; lo que se permite detrás; y quien lo vigila desde fuera |
//! | `mark` | cómo quedó cada ejercicio, y por qué |
//! | `table`, `report`, `summary`, `exports` | lo que queda por escrito: filas, informes, resumen y otros programas |
//! | `published` | `--desde-ci`: lo que publicó la integración continua de cada cual |
//!
//! Todo, menos `handout`, se compila solo con la característica `docente` de cargo: quien aprende no
//! espera por lo que no usa.

pub(crate) mod handout;

#[cfg(not(feature = "docente"))]
use {
    crate::build::cargo,
    crate::course::Course,
    multiplexacion::cli::Trouble,
    std::{env, os::unix::process::CommandExt, process::Command, process::ExitCode},
};

#[cfg(feature = "docente")]
mod allowance;
#[cfg(feature = "docente")]
mod also_run;
#[cfg(feature = "docente")]
mod classroom;
#[cfg(feature = "docente")]
mod compile;
#[cfg(feature = "docente")]
mod exports;
#[cfg(feature = "docente")]
mod guard;
#[cfg(feature = "docente")]
mod handed;
#[cfg(feature = "docente")]
mod junit;
#[cfg(feature = "docente")]
mod mark;
#[cfg(feature = "docente")]
mod plain;
#[cfg(feature = "docente")]
mod plan;
#[cfg(feature = "docente")]
mod published;
#[cfg(feature = "docente")]
mod report;
#[cfg(feature = "docente")]
pub(crate) mod review;
#[cfg(feature = "docente")]
mod reviewed;
#[cfg(feature = "docente")]
mod summary;
#[cfg(feature = "docente")]
mod table;
#[cfg(feature = "docente")]
mod toolbox;
#[cfg(feature = "docente")]
mod wall;

#[cfg(feature = "docente")]
pub(crate) use classroom::{Request, classroom};

/// Vuelve a dar la misma orden, con lo que solo usa quien enseña ya compilado.
///
/// # Errors
/// No se puede arrancar cargo; si se puede, no vuelve.
#[cfg(not(feature = "docente"))]
pub(crate) fn call<T>(course: &Course, _asked: T) -> Result<ExitCode, Trouble> {
    let mut command = Command::new(cargo());
    command.args(["run", "--quiet", "--package", "ejercicios", "--bin", "curso"]);
    command.args(["--features", "docente", "--manifest-path"]);
    command.arg(course.folder.join("Cargo.toml")).arg("--").args(env::args_os().skip(1));
    Err(command.exec().into())
}

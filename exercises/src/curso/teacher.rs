//! Lo que sirve a quien enseña: repartir el curso, revisarlo y calificar una clase.
//!
//! | módulo | qué hay |
//! |---|---|
//! | `handout`, `review`, `junit` | `entregar` y `revisar` |
//! | `classroom` | `clase`: de las carpetas a las notas |
//! | `plan` | qué ejercicios cuentan, y cuánto |
//! | `handed` | qué entregó cada cual, y qué no es una entrega |
//! | `toolbox`, `compile` | las dependencias, compiladas fuera; lo entregado, dentro |
//! | `wall`, `allowance`, `guard` | el muro; lo que se permite detrás; y quien lo vigila desde fuera |
//! | `mark` | cómo quedó cada ejercicio, y por qué |
//! | `table`, `report`, `summary`, `exports` | lo que queda por escrito: filas, informes, resumen y otros programas |
//! | `published` | `--desde-ci`: lo que publicó la integración continua de cada cual |

mod allowance;
mod classroom;
mod compile;
mod exports;
mod guard;
mod handed;
pub(crate) mod handout;
mod junit;
mod mark;
mod plan;
mod published;
mod report;
pub(crate) mod review;
mod summary;
mod table;
mod toolbox;
mod wall;

pub(crate) use classroom::{Request, classroom};

//! Lección 02_05: el laboratorio. Mide en tu máquina lo que los apuntes afirman.
//!
//! Un mismo servicio, un eco, con cinco motores; un generador que hace de miles de clientes; y
//! una pregunta por cada afirmación, que responden los datos. Se lee en este orden:
//!
//! | módulo | qué hay |
//! |---|---|
//! | [`engines`] | los motores, tras un rasgo que es el `selectors` de Python |
//! | [`service`] | el servicio, el mismo sobre cualquier motor; [`tally`], la cuenta que lleva |
//! | [`generator`] | la carga: a todo lo que da y a ritmo fijo |
//! | [`plan`], [`measure`] | qué se mide y cómo; se apoyan en [`subject`] (el proceso medido), [`clock`] (su procesador) y [`cores`] (quién usa qué procesador) |
//! | [`results`], [`statistics`], [`machine`], [`neighbours`] | los datos, su dispersión, dónde se tomaron y quién estorbaba |
//! | [`verdict`], [`comparison`] | lo que dicen los datos, y en qué difieren dos experimentos |
//! | [`report`] | cómo se enseña: en la terminal, en una página y en gráficas |
//! | [`web`], [`chat`] | lo mismo con las lecciones 02_04 y 02_03, al lado de otros programas |
//! | [`arguments`], [`commands`] | lo que se pide en la línea de órdenes |

pub mod arguments;
pub mod chat;
pub mod clock;
pub mod commands;
pub mod comparison;
pub mod cores;
pub mod engines;
pub mod generator;
pub mod machine;
#[cfg(test)]
mod made_up;
pub mod measure;
pub mod neighbours;
pub mod plan;
pub mod programs;
pub mod report;
pub mod results;
pub mod service;
pub mod statistics;
pub mod subject;
pub mod tally;
pub mod verdict;
pub mod web;
pub mod wording;

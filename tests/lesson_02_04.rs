//! La web de la lección 02_04, por fuera: todo pasa por el programa de verdad y por sus sockets.
//!
//! | módulo | qué comprueba |
//! |---|---|
//! | [`all_stages`] | las etapas del arnés, las mismas que pasarán los servidores de los estudiantes |
//! | [`defects`] | un defecto de las recetas clásicas, una prueba: `t4_01` … `t4_18` |
//! | [`answers`] | lo que se responde a una petición bien escrita, byte a byte |
//! | [`refusals`] | las razones que se dan a las demás |
//! | [`table`] | cada petición de `requests.txt`, con la sección de la RFC que lo manda |
//! | [`splits`] | que cortar las peticiones por donde sea no cambia nada |
//! | [`patience`] | los plazos, y terminar en orden |
//! | [`suspended`] | lo que llegó mientras el servidor estaba detenido, o iba a terminar |
//! | [`workers`] | varios bucles en un puerto |
//! | [`curl`] | un cliente que no hemos escrito nosotros |
//! | [`command_line`] | la ayuda, los errores y los códigos de salida |
//! | [`inside`] | lo que cuentan `-v` y `--trace` |
//!
//! Con [`web`] se arranca el servidor y se habla con él.

mod all_stages;
mod answers;
mod command_line;
mod curl;
mod defects;
mod inside;
mod patience;
mod refusals;
mod splits;
mod suspended;
mod table;
mod web;
mod workers;

//! Un valor se suelta cuando se queda sin dueño, y soltar un socket es cerrarlo.

use std::collections::BTreeMap;

use ejemplos::tell;

// ANCHOR: demonstration
struct Client {
    name: &'static str,
}

impl Drop for Client {
    fn drop(&mut self) {
        tell(format!("  se cierra el socket de {}", self.name));
    }
}

fn main() {
    let mut clients = BTreeMap::new();
    for (id, name) in [(1, "Ana"), (2, "Beto")] {
        clients.insert(id, Client { name });
    }
    let _eva = Client { name: "Eva" };
    tell("Se quita del mapa al cliente 1.");
    clients.remove(&1);
    tell("Se suelta el mapa entero.");
    drop(clients);
    tell("Acaba la función.");
}
// ANCHOR_END: demonstration

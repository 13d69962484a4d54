//! Quiere ser una macro de las que se ejecutan al compilar.
//!
//! Merece: no compila, 0 puntos.

extern crate proc_macro;

#[proc_macro]
pub fn run(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    std::fs::remove_dir_all("{curso}").unwrap();
    input
}

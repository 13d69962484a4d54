//! Conduce cualquier servidor a través de su socket y cuenta qué pasó.

//! Aquí no hay nada: este paquete solo pasa las pruebas de los ejercicios a sus soluciones.

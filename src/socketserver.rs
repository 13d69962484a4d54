//! La contrapartida del módulo `socketserver` de Python.

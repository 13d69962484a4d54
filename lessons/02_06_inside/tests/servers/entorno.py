"""Dice lo que un programa sabe de su Python: dónde busca, con qué entorno, y quién lo preparó."""
import os
import subprocess
import sys

ASK = """
import os, sys
print(sys.path, sorted(os.environ.items()))
print(getattr(sys.modules.get("sitecustomize"), "__file__", None), sys.argv[1:])
"""
exec(ASK)
sys.stdout.flush()
subprocess.run([sys.executable, "-c", ASK, "hijo"], check=True)
sys.exit(3)

"""Lo mismo que iteradores.rs: listas por comprensión y lo que se les parece."""

# ANCHOR: chain
names = ["ana", "beto", "eva"]
long = [it for it in names if len(it) > 3]
letters = sum(len(it) for it in names)
pairs = enumerate(names)
numbered = [f"{id}:{it}" for id, it in pairs]
anybody = any(it.startswith("e") for it in names)
# ANCHOR_END: chain

print("largos:", *long)
print("letras:", letters)
print("numerados:", *numbered)
print("¿alguno con e?", "sí" if anybody else "no")

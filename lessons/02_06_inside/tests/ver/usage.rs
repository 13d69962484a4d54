//! La ayuda, y lo que no se entiende.

use harness::Failure;

use crate::run;

#[test]
fn la_ayuda_no_tiene_una_palabra_en_inglés() -> Result<(), Failure> {
    let exit = run(["--help"])?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
    let spoken = exit.stdout.replace("--help", "");
    for english in ["Usage", "Options", "Arguments", "Print", "default", "help", "navegador <"] {
        assert!(!spoken.contains(english), "{english}: {spoken}");
    }
    Ok(())
}

#[test]
fn lo_que_se_pide_mal_se_explica_en_una_línea_y_termina_con_2() -> Result<(), Failure> {
    for (words, said) in [
        (&[][..], "ver: falta qué mirar: una orden, tras --, o un archivo. Prueba con --help."),
        (&["python3", "a.py"], "ver: una orden va tras --: cargo ver -- python3 a.py. Prueba"),
        (&["a", "--", "b"], "no pueden ir juntas"),
        (&["--nada"], "no existe la opción «--nada»"),
        (&["--json"], "falta el valor de «--json"),
        (&["--sin-codigo", "a.jsonl"], "no pueden ir juntas"),
    ] {
        let exit = run(words.iter().copied())?;
        let complaint = exit.complaint(2)?;
        assert!(complaint.contains(said), "{words:?}: {complaint}");
    }
    Ok(())
}

#[test]
fn un_archivo_que_no_se_podrá_escribir_se_dice_antes_de_empezar() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let missing = folder.path().join("no/existe.html");
    for option in ["--grabar", "--json"] {
        let words = [option, missing.to_str().unwrap(), "--", "touch", "empezó"];
        let exit = run(words)?;
        let complaint = exit.complaint(1)?;
        assert!(complaint.contains("no se puede escribir «"), "{complaint}");
    }
    let exit = run(["--json", "a", "--grabar", "a", "--", "true"])?;
    assert!(exit.complaint(1)?.contains("no pueden ser el mismo archivo"));
    Ok(())
}

//! `curl`, un cliente que no hemos escrito nosotros.

use harness::{Exit, Failure, Program, Server, tools};

use super::web::{self, BODY, GET, Outcome, SOON, exchange, serves_a_latecomer, without_dates};

/// Cuántos bytes pasan de lo que este servidor acepta en un cuerpo (1 MiB).
const TOO_MUCH: usize = 3 * 1024 * 1024;

/// Un servidor para `curl`, si lo hay.
fn server() -> Result<Option<Server>, Failure> {
    if tools::available("curl", "el servidor con un cliente de verdad")? {
        web::server(&[]).map(Some)
    } else {
        Ok(None)
    }
}

/// Ejecuta `curl` con esos argumentos, sin la configuración de quien prueba ni intermediarios.
fn curl(arguments: &[&str], upload: &[u8]) -> Result<Exit, Failure> {
    Program::new("curl")
        .args(["-q", "--noproxy", "*", "--max-time", "10", "-sS"])
        .args(arguments)
        .run_to_end(upload, SOON * 2)
}

fn url(server: &Server) -> String {
    format!("http://{}/", server.address())
}

/// Lo que dice `curl` tras subir un cuerpo con esas opciones: el código y los segundos.
fn upload(server: &Server, options: &[&str], body: &[u8]) -> Result<(u16, f64), Failure> {
    let url = url(server);
    let format = ["--data-binary", "@-", "-o", "/dev/null", "-w", "%{http_code} %{time_total}"];
    let exit = curl(&[&format, options, &[&url]].concat(), body)?;
    assert_eq!(exit.code, Some(0), "{exit}");
    let (code, seconds) = exit.stdout.split_once(' ').unwrap_or_default();
    Ok((code.parse().unwrap_or_default(), seconds.parse().unwrap_or(f64::INFINITY)))
}

#[test]
fn curl_recibe_la_página() -> Outcome {
    let Some(server) = server()? else { return Ok(()) };
    let exit = curl(&["-i", &url(&server)], b"")?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
    let raw = exchange(server.address(), GET.as_bytes())?;
    assert_eq!(without_dates(exit.stdout.as_bytes()), without_dates(&raw));
    Ok(())
}

#[test]
fn curl_pide_solo_la_cabecera() -> Outcome {
    let Some(server) = server()? else { return Ok(()) };
    let exit = curl(&["-I", &url(&server)], b"")?;
    assert_eq!(exit.code, Some(0), "{exit}");
    assert!(exit.stdout.starts_with("HTTP/1.1 200 OK\r\n"), "{exit}");
    assert!(exit.stdout.contains("\r\nContent-Length: 26\r\n"), "{exit}");
    assert!(exit.stdout.ends_with("\r\n\r\n"), "{exit}");
    Ok(())
}

#[test]
fn curl_envía_un_cuerpo_y_se_le_dice_que_no() -> Outcome {
    let Some(server) = server()? else { return Ok(()) };
    assert_eq!(upload(&server, &[], b"hola")?.0, 405);
    assert_eq!(upload(&server, &["-X", "PUT"], b"hola")?.0, 405);
    let chunked = ["-H", "Transfer-Encoding: chunked"];
    assert_eq!(upload(&server, &chunked, &vec![b'x'; 100_000])?.0, 405);
    Ok(())
}

#[test]
fn curl_pregunta_antes_de_enviar_un_cuerpo_grande_y_no_espera() -> Outcome {
    let Some(server) = server()? else { return Ok(()) };
    // Si no llegara ninguna respuesta, curl enviaría el cuerpo pasados estos segundos.
    let options = ["-H", "Expect: 100-continue", "--expect100-timeout", "8"];
    for (size, expected) in [(900_000, 405), (TOO_MUCH, 413)] {
        let (status, seconds) = upload(&server, &options, &vec![b'x'; size])?;
        assert_eq!(status, expected, "{size} bytes");
        assert!(seconds < 8.0, "esperó {seconds} s");
    }
    serves_a_latecomer(&server)
}

#[test]
fn curl_recibe_el_rechazo_aunque_siga_enviando() -> Outcome {
    let Some(server) = server()? else { return Ok(()) };
    let body = vec![b'x'; TOO_MUCH];
    assert_eq!(upload(&server, &["-H", "Expect:"], &body)?.0, 413);
    let chunked = ["-H", "Expect:", "-H", "Transfer-Encoding: chunked"];
    assert_eq!(upload(&server, &chunked, &body)?.0, 413);
    Ok(())
}

#[test]
fn curl_en_http_1_0_recibe_la_página_y_el_cierre() -> Outcome {
    let Some(server) = server()? else { return Ok(()) };
    let exit = curl(&["--http1.0", "-i", &url(&server)], b"")?;
    assert_eq!(exit.code, Some(0), "{exit}");
    assert!(exit.stdout.contains("\r\nConnection: close\r\n"), "{exit}");
    assert!(exit.stdout.ends_with(BODY), "{exit}");
    Ok(())
}

#[test]
fn curl_aprovecha_la_conexión_para_la_segunda_página() -> Outcome {
    let Some(server) = server()? else { return Ok(()) };
    let (first, second) = (url(&server), url(&server) + "otra");
    let exit = curl(&["-w", "%{num_connects}\n", &first, &second], b"")?;
    assert_eq!(exit.code, Some(0), "{exit}");
    assert_eq!(exit.stdout, format!("{BODY}1\n{BODY}0\n"), "la segunda no abre otra conexión");
    Ok(())
}

#[test]
fn curl_habla_http_2_sin_avisar_y_se_le_rechaza_limpiamente() -> Outcome {
    let Some(server) = server()? else { return Ok(()) };
    let version = curl(&["--version"], b"")?;
    if !version.stdout.contains("HTTP2") {
        return tools::skip("este curl no habla HTTP/2", "HTTP/2 sin aviso previo");
    }
    let exit = curl(&["--http2-prior-knowledge", &url(&server)], b"")?;
    assert!(exit.code.is_some_and(|code| code != 0 && code != 28), "ni éxito ni espera: {exit}");
    assert_eq!(exit.stdout, "", "{exit}");
    // Si lo propone en vez de imponerlo, se entienden en HTTP/1.1.
    let exit = curl(&["--http2", &url(&server)], b"")?;
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(0), BODY), "{exit}");
    serves_a_latecomer(&server)
}

#[test]
fn curl_recibe_la_página_por_ipv6() -> Outcome {
    if !tools::ipv6("IPv6")? || !tools::available("curl", "IPv6")? {
        return Ok(());
    }
    let server = web::server(&["--host", "::1"])?;
    assert!(server.stdout().starts_with("Escuchando en [::1]:"), "{}", server.stdout());
    let exit = curl(&["-g", &url(&server)], b"")?;
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(0), BODY), "{exit}");
    Ok(())
}

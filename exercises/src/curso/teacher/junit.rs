//! El XML de JUnit, que leen GitHub, GitLab y Jenkins: un `testsuite` por ejercicio.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::review::Review;

/// Lo primero de cada ejercicio: si se llegó a probar.
const WHOLE: &str = "compila y llega al final";

/// El de todos.
///
/// # Errors
/// No se puede escribir en memoria.
pub(super) fn to_junit(results: &[Review]) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("cargo curso revisar");
    report.set_time(results.iter().map(|result| result.time).sum());
    report.add_test_suites(results.iter().map(suite));
    report.to_string()
}

fn suite(result: &Review) -> TestSuite {
    let mut suite = TestSuite::new(result.id.as_str());
    suite.set_time(result.time);
    // Que no se pueda probar es un error; que una prueba no pase, un fallo.
    let whole = result.problem.as_deref();
    suite.add_test_case(case(&result.id, WHOLE, NonSuccessKind::Error, whole));
    suite.add_test_cases(result.tests.iter().map(|test| {
        let report = (!test.passed).then(|| test.report.as_deref().unwrap_or_default());
        let mut case = case(&result.id, &test.name, NonSuccessKind::Failure, report);
        case.set_time(test.time);
        case
    }));
    suite
}

/// `trouble` es por qué no pasó, si no pasó.
fn case(id: &str, name: &str, kind: NonSuccessKind, trouble: Option<&str>) -> TestCase {
    let status = match trouble {
        None => TestCaseStatus::success(),
        Some(text) => {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(text.lines().next().unwrap_or_default());
            status.set_type(if kind == NonSuccessKind::Error { "error" } else { "falla" });
            status.set_description(text);
            status
        }
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(id);
    case
}

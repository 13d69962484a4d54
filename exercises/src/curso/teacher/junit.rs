//! El XML de JUnit, que leen GitHub, GitLab y Jenkins: un `testsuite` por ejercicio.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::reviewed::Review;

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::reviewed::TestReview;
    use super::*;

    fn review(id: &str, tests: &[(&str, Option<&str>)], problem: Option<&str>) -> Review {
        let test = |(name, report): &(&str, Option<&str>)| TestReview {
            name: (*name).to_owned(),
            passed: report.is_none(),
            report: report.map(str::to_owned),
            time: Duration::from_millis(250),
        };
        Review {
            id: id.to_owned(),
            title: "Título".to_owned(),
            lesson: "02_02".to_owned(),
            passed: problem.is_none() && tests.iter().all(|(_, report)| report.is_none()),
            compiles: true,
            untouched: false,
            points: 0,
            max_points: 20,
            tests: tests.iter().map(test).collect(),
            problem: problem.map(str::to_owned),
            time: Duration::from_millis(1500),
        }
    }

    #[test]
    fn el_xml_dice_cuántas_fallan_cuántas_no_se_probaron_y_cuánto_tardó() {
        let results = [
            review(
                "uno",
                &[("pasa", None), ("no <pasa>", Some("a<b> & \"c\"\n\x1b[1mfin]]>"))],
                None,
            ),
            review("otro", &[], Some("No compila.")),
        ];
        let xml = to_junit(&results).unwrap();
        // Lo que exige quien lo lee con un esquema: los cuatro números, y el tiempo.
        for suite in xml.lines().filter(|line| line.trim_start().starts_with("<testsuite ")) {
            for attribute in ["name=", "tests=", "failures=", "errors=", "time=\"1.500\""] {
                assert!(suite.contains(attribute), "{suite}");
            }
        }
        assert!(xml.chars().all(|it| it == '\n' || !it.is_control()), "{xml}");
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        assert_eq!((read.tests, read.failures, read.errors), (4, 1, 1));
        assert_eq!(xml.matches("time=\"0.250\"").count(), 2, "{xml}");
        let failing = &read.test_suites[0].test_cases[2];
        assert_eq!(failing.name.as_str(), "no <pasa>");
        let TestCaseStatus::NonSuccess { description, .. } = &failing.status else {
            unreachable!()
        };
        assert_eq!(description.as_ref().unwrap().as_str(), "a<b> & \"c\"\nfin]]>");
    }
}

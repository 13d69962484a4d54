//! El libro, construido una vez para todas las pruebas, y sus páginas como árboles.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libro::building::{self, Options, Page};
use libro::epub;
use roxmltree::{Document, Node};

pub(crate) struct Built {
    pub(crate) pages: Vec<Page>,
    folder: PathBuf,
}

impl Built {
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn html(&self, page: &Page) -> String {
        fs::read_to_string(self.folder().join(&page.file)).unwrap()
    }

    /// El contenido de una página, en XML.
    pub(crate) fn content(&self, page: &Page) -> String {
        format!("<main>{}</main>", epub::chapter(&self.html(page)))
    }

    /// Los archivos con esa extensión, y su texto.
    pub(crate) fn files(&self, extension: &str) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        collect(self.folder(), extension, &mut found);
        assert!(!found.is_empty(), "no hay ningún archivo «{extension}»");
        found
    }
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|ending| ending == extension) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

pub(crate) fn book() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        // Nadie puede borrarlo al acabar, y siempre es el mismo: no se acumula.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libro");
        let options = Options { output: Some(folder.clone()), ..Options::default() };
        let pages = building::build(book(), &options).unwrap_or_else(|trouble| panic!("{trouble}"));
        Built { pages, folder }
    })
}

/// Pasa cada página, y su contenido como un árbol, por una comprobación.
pub(crate) fn each_page(mut check: impl FnMut(&Page, Node<'_, '_>)) {
    for page in &built().pages {
        let content = built().content(page);
        let tree = Document::parse(&content)
            .unwrap_or_else(|error| panic!("{}: HTML mal cerrado: {error}", page.file));
        check(page, tree.root_element());
    }
}

pub(crate) fn elements<'a, 'input>(
    root: Node<'a, 'input>,
    name: &'a str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    root.descendants().filter(move |node| node.tag_name().name() == name)
}

pub(crate) fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

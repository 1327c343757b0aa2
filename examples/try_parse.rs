use flow::diagnostic::Sources;
use flow::rulefile::parse::parse;
fn main() {
    let mut bad = 0;
    let mut n = 0;
    let show = std::env::var("SHOW").is_ok();
    for path in std::env::args().skip(1) {
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("unreadable {path}");
            continue;
        };
        let text: std::sync::Arc<str> = text.into();
        let mut sources = Sources::default();
        let id = sources.add(path.clone(), text.clone());
        n += 1;
        let start = std::time::Instant::now();
        match parse(id, &text) {
            Ok(file) => {
                if show {
                    println!("{:#?}", file.statements);
                }
                let t = start.elapsed();
                let mut lowering = flow::rulefile::lower::Lowering::new(&file);
                let mut ids = flow::rulefile::lower::NextIds::default();
                while let Some(unit) = lowering.next_unit(ids, &|_| false) {
                    match unit {
                        Ok(u) => {
                            ids.site += u.sites.len() as u32;
                            ids.function += u.functions.len() as u32;
                            if std::env::var("CODE").is_ok() {
                                println!("{}\n-----", u.code);
                            }
                        }
                        Err(d) => {
                            if std::env::var("LOWER").is_ok() {
                                println!("{}", d.render(&sources, false));
                            }
                        }
                    }
                }
                if std::env::var("TIME").is_ok() {
                    println!("parse {t:?} total {:?} rules {}", start.elapsed(), ids.site);
                }
            }
            Err(d) => {
                bad += 1;
                println!("{}", d.render(&sources, false));
            }
        }
    }
    println!("{bad} of {n} bad");
}

//! Links AddressSanitizer's runtime where build.sh asks for it: rustc links without the default libraries, so that the
//! compiler's own flag does not bring it.

fn main() {
    println!("cargo::rerun-if-env-changed=FLOW_FUZZ_ASAN");
    if std::env::var_os("FLOW_FUZZ_ASAN").is_some() {
        println!("cargo::rustc-link-arg-bins=-lasan");
    }
}

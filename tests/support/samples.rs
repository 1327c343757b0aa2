//! A workflow of two samples, run once, for tests of what makes a job stale.

#![allow(dead_code, reason = "each test file uses its part")]

use super::Project;

/// Two samples through two rules, and one file of all.
pub fn samples() -> Project {
    let project = Project::new(
        r#"
        rule all:
            input: "all.txt"

        rule double:
            input: "raw/{sample}.txt"
            output: "double/{sample}.txt"
            params: size=50
            shell:
                "cat {input} {input} > {output}; echo {params.size} >> {output}"

        rule sort:
            input: "double/{sample}.txt"
            output: "sorted/{sample}.txt"
            shell: "sort {input} > {output}"

        rule join:
            input: expand("sorted/{sample}.txt", sample=["a", "b"])
            output: "all.txt"
            shell: "cat {input} > {output}"
        "#,
    )
    .file("raw/a.txt", "2\n1\n")
    .file("raw/b.txt", "4\n3\n");
    project.makes("", &ALL);
    assert_eq!(project.read("all.txt"), "1\n1\n2\n2\n50\n3\n3\n4\n4\n50\n");
    project
}

/// Its jobs.
pub const ALL: [&str; 5] = ["double sample=a", "double sample=b", "sort sample=a", "sort sample=b", "join"];

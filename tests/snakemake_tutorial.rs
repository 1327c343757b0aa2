//! The workflow of Snakemake's tutorial (its documentation, MIT licence: the basic part, the advanced part, and the
//! benchmarks and environments of the additional features), as it is, from a `Snakefile`. The programs that it calls are
//! stand-ins of a few lines on `PATH`, and the modules of its script stand beside that.

mod support;

use support::Project;

/// `bwa mem [-R READGROUP] [-t N] GENOME READS` writes a line for each of the reads.
const BWA: &str = r#"#!/bin/sh
[ "$1" = mem ] || exit 2
shift
group=none threads=1
while getopts R:t: option; do case $option in R) group=$OPTARG ;; t) threads=$OPTARG ;; *) exit 2 ;; esac; done
shift $((OPTIND - 1))
[ -s "$1" ] || { echo "bwa: no genome $1" >&2; exit 1; }
echo "bwa: $threads threads" >&2
while read -r read; do printf '%s\t%s\t%s\n' "$read" "$(basename "$2")" "$group"; done < "$2"
"#;

/// `samtools view -Sb -`, `sort -T PREFIX -O bam FILE`, `index FILE`.
const SAMTOOLS: &str = r#"#!/bin/sh
case $1 in
    view) [ "$2 $3" = "-Sb -" ] && exec cat ;;
    sort) [ "$2 $4 $5" = "-T -O bam" ] && touch "$3.tmp" && rm "$3.tmp" && exec sort "$6" ;;
    index) exec wc -l "$2" > "$2.bai" ;;
esac
exit 2
"#;

/// `bcftools mpileup -f GENOME BAM…`, `call -mv [-P RATE] -`.
const BCFTOOLS: &str = r#"#!/bin/sh
case $1 in
    mpileup) [ "$2" = -f ] && shift 3 && for bam; do [ -e "$bam.bai" ] || exit 1; done && exec cat "$@" ;;
    call) shift; case "$*" in "-mv -") sed 's/$/\t30/' ;; "-mv -P 0.001 -") sed 's/$/\t20/' ;; *) exit 2 ;; esac; exit ;;
esac
exit 2
"#;

const PLOT: &str = "\
import matplotlib
matplotlib.use(\"Agg\")
import matplotlib.pyplot as plt
from pysam import VariantFile

quals = [record.qual for record in VariantFile(snakemake.input[0])]
plt.hist(quals)

plt.savefig(snakemake.output[0])
";

const PYSAM: &str = "\
class VariantFile:
    def __init__(self, path):
        self.lines = open(path).readlines()

    def __iter__(self):
        for line in self.lines:
            yield type(\"Record\", (), {\"qual\": float(line.split(\"\\t\")[-1])})
";

const PYPLOT: &str = "\
def hist(values):
    global shown
    shown = values


def savefig(path):
    with open(path, \"w\") as file:
        print(*shown, file=file)
";

/// The folder of the tutorial with a Snakefile.
fn tutorial(snakefile: &str) -> Project {
    let project = Project::new("")
        .file("Snakefile", &support::dedented(snakefile))
        .file("data/genome.fa", ">I\nACGT\n")
        .file("data/samples/A.fastq", "readA2\nreadA1\n")
        .file("data/samples/B.fastq", "readB1\n")
        .file("data/samples/C.fastq", "readC1\n")
        .file("scripts/plot-quals.py", PLOT)
        .file("scripts/pysam.py", PYSAM)
        .file("scripts/matplotlib/__init__.py", "def use(backend):\n    pass\n")
        .file("scripts/matplotlib/pyplot.py", PYPLOT);
    project.remove("Rulefile");
    for (name, text) in [("bwa", BWA), ("samtools", SAMTOOLS), ("bcftools", BCFTOOLS)] {
        use std::os::unix::fs::PermissionsExt;
        let path = format!("bin/{name}");
        project.write(&path, text);
        std::fs::set_permissions(project.path(&path), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    project
}

/// `flow -s Snakefile` with the stand-ins on `PATH`; what it said.
#[track_caller]
fn flow(project: &Project, words: &str) -> String {
    let path = format!("{}:{}", project.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    let output = project.command(&format!("-s Snakefile {words}")).env("PATH", path).output().expect("flow starts");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "flow {words}\n{said}");
    said
}

const BASIC: &str = r#"
    SAMPLES = ["A", "B"]


    rule all:
        input:
            "plots/quals.svg"


    rule bwa_map:
        input:
            "data/genome.fa",
            "data/samples/{sample}.fastq"
        output:
            "mapped_reads/{sample}.bam"
        shell:
            "bwa mem {input} | samtools view -Sb - > {output}"


    rule samtools_sort:
        input:
            "mapped_reads/{sample}.bam"
        output:
            "sorted_reads/{sample}.bam"
        shell:
            "samtools sort -T sorted_reads/{wildcards.sample} "
            "-O bam {input} > {output}"


    rule samtools_index:
        input:
            "sorted_reads/{sample}.bam"
        output:
            "sorted_reads/{sample}.bam.bai"
        shell:
            "samtools index {input}"


    rule bcftools_call:
        input:
            fa="data/genome.fa",
            bam=expand("sorted_reads/{sample}.bam", sample=SAMPLES),
            bai=expand("sorted_reads/{sample}.bam.bai", sample=SAMPLES)
        output:
            "calls/all.vcf"
        shell:
            "bcftools mpileup -f {input.fa} {input.bam} | "
            "bcftools call -mv - > {output}"


    rule plot_quals:
        input:
            "calls/all.vcf"
        output:
            "plots/quals.svg"
        script:
            "scripts/plot-quals.py"
"#;

#[test]
fn the_basic_part_runs_as_it_is() {
    let project = tutorial(BASIC);
    // Step by step, as the tutorial goes.
    flow(&project, "-np mapped_reads/A.bam");
    flow(&project, "--cores 1 mapped_reads/A.bam");
    assert_eq!(project.read("mapped_reads/A.bam"), "readA2\tA.fastq\tnone\nreadA1\tA.fastq\tnone\n");
    let said = flow(&project, "-n mapped_reads/A.bam mapped_reads/B.bam");
    assert!(said.contains("bwa_map (sample=B)") && !said.contains("sample=A"), "{said}");
    flow(&project, "--cores 1 sorted_reads/B.bam");
    let dag = flow(&project, "--dag sorted_reads/A.bam.bai sorted_reads/B.bam.bai");
    assert!(dag.starts_with("digraph") && dag.contains("samtools_index"), "{dag}");
    flow(&project, "--cores 1");
    assert_eq!(project.read("plots/quals.svg"), "30.0 30.0 30.0\n");
    assert!(flow(&project, "--cores 1").contains("Nothing to do."));
    assert!(flow(&project, "-n --forcerun samtools_sort").contains("samtools_sort (sample=B)"));
}

const ADVANCED: &str = r#"
    configfile: "config.yaml"


    rule all:
        input:
            "plots/quals.svg"


    def get_bwa_map_input_fastqs(wildcards):
        return config["samples"][wildcards.sample]


    rule bwa_map:
        input:
            "data/genome.fa",
            get_bwa_map_input_fastqs
        output:
            temp("mapped_reads/{sample}.bam")
        params:
            rg=r"@RG\tID:{sample}\tSM:{sample}"
        log:
            "logs/bwa_mem/{sample}.log"
        benchmark:
            "benchmarks/{sample}.bwa.benchmark.txt"
        threads: 8
        shell:
            "(bwa mem -R '{params.rg}' -t {threads} {input} | "
            "samtools view -Sb - > {output}) 2> {log}"


    rule samtools_sort:
        input:
            "mapped_reads/{sample}.bam"
        output:
            protected("sorted_reads/{sample}.bam")
        shell:
            "samtools sort -T sorted_reads/{wildcards.sample} "
            "-O bam {input} > {output}"


    rule samtools_index:
        input:
            "sorted_reads/{sample}.bam"
        output:
            "sorted_reads/{sample}.bam.bai"
        conda:
            "envs/samtools.yaml"
        shell:
            "samtools index {input}"


    rule bcftools_call:
        input:
            fa="data/genome.fa",
            bam=expand("sorted_reads/{sample}.bam", sample=config["samples"]),
            bai=expand("sorted_reads/{sample}.bam.bai", sample=config["samples"])
        output:
            "calls/all.vcf"
        params:
            rate=config["prior_mutation_rate"]
        log:
            "logs/bcftools_call/all.log"
        shell:
            "(bcftools mpileup -f {input.fa} {input.bam} | "
            "bcftools call -mv -P {params.rate} - > {output}) 2> {log}"


    rule plot_quals:
        input:
            "calls/all.vcf"
        output:
            "plots/quals.svg"
        script:
            "scripts/plot-quals.py"
"#;

#[test]
fn the_advanced_part_runs_as_it_is() {
    let config = "samples:\n  A: data/samples/A.fastq\n  B: data/samples/B.fastq\nprior_mutation_rate: 0.001\n";
    let project = tutorial(ADVANCED).file("config.yaml", config);
    flow(&project, "--cores 10 --without-environments");
    assert_eq!(project.read("plots/quals.svg"), "20.0 20.0 20.0\n");
    assert!(!project.exists("mapped_reads/A.bam"), "it is temp()");
    let read_only = project.path("sorted_reads/A.bam").metadata().expect("it is there").permissions().readonly();
    assert!(read_only, "it is protected()");
    let group = "readA1\tA.fastq\t@RG\\tID:A\\tSM:A\n";
    assert!(project.read("sorted_reads/A.bam").starts_with(group), "{}", project.read("sorted_reads/A.bam"));
    assert_eq!(project.read("logs/bwa_mem/A.log"), "bwa: 8 threads\n");
    assert!(project.read("benchmarks/A.bwa.benchmark.txt").starts_with("s\th:m:s\tmax_rss"));
    assert!(flow(&project, "--cores 10 --without-environments").contains("Nothing to do."));
    // Another sample, as an exercise asks for; the others are as they were.
    project.write("config.yaml", &config.replace("prior", "  C: data/samples/C.fastq\nprior"));
    let said = flow(&project, "--cores 4 --without-environments");
    assert!(said.contains("bwa_map sample=C") && !said.contains("sample=A"), "{said}");
    assert_eq!(project.read("logs/bwa_mem/C.log"), "bwa: 4 threads\n");
    assert_eq!(project.read("plots/quals.svg"), "20.0 20.0 20.0 20.0\n");
}

# usage: awk -f stem.awk STOP WORDS
#
# Words, one a line, without single letters and those of the file STOP, each brought to the singular by the S-stemmer (D. Harman, "How
# effective is suffixing?", JASIS 42, 1991): of three rules the first that fits is tried, and its exceptions leave the
# word as it is.

NR == FNR { stop[$1]; next }
length($1) < 2 || ($1 in stop) { next }
/ies$/ { if ($1 !~ /[ea]ies$/) sub(/ies$/, "y"); print; next }
/es$/ { if ($1 !~ /[aeo]es$/) sub(/es$/, "e"); print; next }
/s$/ { if ($1 !~ /[us]s$/) sub(/s$/, ""); print; next }
{ print }

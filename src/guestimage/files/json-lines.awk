# Prints a JSON document as one line per value: the path of its keys joined by slashes, a tab, the value.
# Line breaks inside a value become spaces. Enough of JSON for metadata written by a machine.
{ text = text $0 "\n" }
END { at = 1; value("") }

function value(path,    c, key, n, start) {
  c = next_char()
  if (c == "{") {
    at++
    while ((c = next_char()) != "}" && c != "") {
      if (c == ",") { at++; continue }
      key = string(); next_char(); at++
      value(path == "" ? key : path "/" key)
    }
    at++
  } else if (c == "[") {
    at++; n = 0
    while ((c = next_char()) != "]" && c != "") {
      if (c == ",") { at++; continue }
      value(path "/" n++)
    }
    at++
  } else if (c == "\"") {
    print path "\t" string()
  } else {
    start = at
    while (at <= length(text) && substr(text, at, 1) !~ /[],} \t\n]/) at++
    if (at == start) at++
    print path "\t" substr(text, start, at - start)
  }
}

function next_char() {
  while (substr(text, at, 1) ~ /[ \t\r\n]/ && at <= length(text)) at++
  return substr(text, at, 1)
}

function string(    c, out, n) {
  at++
  while (at <= length(text)) {
    # Take all up to the next quote or backslash at once: a key has hundreds of plain characters.
    n = match(substr(text, at), /["\\]/)
    if (n == 0) { at = length(text) + 1; return out }
    out = out substr(text, at, n - 1); at += n - 1
    if (substr(text, at, 1) == "\"") { at++; return out }
    c = substr(text, at + 1, 1); at += 2
    if (c == "n" || c == "r" || c == "t") out = out " "
    else if (c == "u") { out = out sprintf("%c", hex(substr(text, at, 4))); at += 4 }
    else out = out c
  }
  return out
}

function hex(digits,    i, n) {
  n = 0
  for (i = 1; i <= length(digits); i++) n = n * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
  return n
}

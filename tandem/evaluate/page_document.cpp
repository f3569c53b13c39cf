#include <tandem/evaluate/page_document.h>
#include <tandem/evaluate/page_template.h>

namespace tandem::evaluate {

std::string escaped_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string page_document(const PageParts& parts) {
  std::string page;
  page.reserve(size_t{1} << 18);
  const std::string title = parts.title.empty() ? "Tandem" : parts.title + " · Tandem";
  page.append(page_head).append("<title>").append(escaped_html(title)).append("</title>\n<style>");
  page.append(page_style).append(parts.style).append("</style>\n</head>\n").append(page_body);
  page.append("<noscript>").append(parts.plain).append("</noscript>\n");
  page.append("<script type=\"application/json\" id=\"report-data\">");
  for (const char c : parts.data)  // inside a script element no '<' may end or open one
    if (c == '<')
      page.append("\\u003c");
    else
      page += c;
  page.append("</script>\n<script>\n(() => {\n'use strict';\n");
  for (const std::string_view piece : parts.script) page.append(piece);
  page.append("})();\n</script>\n</body>\n</html>\n");
  return page;
}

}  // namespace tandem::evaluate

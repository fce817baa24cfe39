// One GET over plain HTTP.
#ifndef CHAINRULE_TESTS_SUPPORT_HTTP_CLIENT_H_
#define CHAINRULE_TESTS_SUPPORT_HTTP_CLIENT_H_

#include <string>

namespace chainrule::test {

struct HttpReply {
  int status = 0;  // 0: nobody answered
  std::string body;
};

HttpReply HttpGet(int port, const std::string& path);

}  // namespace chainrule::test

#endif  // CHAINRULE_TESTS_SUPPORT_HTTP_CLIENT_H_

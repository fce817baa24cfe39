#ifndef CHAINRULE_TESTS_CLIENT_DATA_GZIP_H_
#define CHAINRULE_TESTS_CLIENT_DATA_GZIP_H_

#include <zlib.h>

#include <string>

namespace chainrule::client {

// `text` as a gzip file's bytes.
inline std::string Gzip(const std::string& text) {
  z_stream stream = {};
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace chainrule::client

#endif  // CHAINRULE_TESTS_CLIENT_DATA_GZIP_H_

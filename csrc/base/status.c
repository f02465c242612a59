#include "base/status.h"

const char *hk_status_name(hk_status_t status) {
  switch (status) {
#define HK_STATUS_NAME(name, value, text) \
  case HK_##name:                         \
    return #name;
    HK_STATUS_LIST(HK_STATUS_NAME)
#undef HK_STATUS_NAME
  }
  return "UNKNOWN";
}

const char *hk_status_text(hk_status_t status) {
  switch (status) {
#define HK_STATUS_TEXT(name, value, text) \
  case HK_##name:                         \
    return text;
    HK_STATUS_LIST(HK_STATUS_TEXT)
#undef HK_STATUS_TEXT
  }
  return "unknown status";
}

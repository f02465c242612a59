#include "base/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/once.h"

static const hk_option_info_t table[] = {
#define OPTION_INFO(field, env, def, min, max, choices, unit, meaning) \
  {env, choices, unit, meaning, def, min, max, offsetof(hk_options_t, field)},
    HK_OPTION_LIST(OPTION_INFO)
#undef OPTION_INFO
};
#define OPTION_COUNT (sizeof table / sizeof table[0])

static const char *warnings[OPTION_COUNT + 1];

const hk_option_info_t *hk_options_table(size_t *count) {
  *count = OPTION_COUNT;
  return table;
}

static bool parse_choice(const char *choices, const char *text, int64_t *value) {
  size_t length = strlen(text);
  int64_t index = 0;
  for (const char *word = choices; word != NULL; index++) {
    const char *bar = strchr(word, '|');
    size_t word_length = bar != NULL ? (size_t)(bar - word) : strlen(word);
    if (length == word_length && memcmp(word, text, length) == 0) {
      *value = index;
      return true;
    }
    word = bar != NULL ? bar + 1 : NULL;
  }
  return false;
}

static bool may_be_auto(const hk_option_info_t *info) {
  return info->offset == offsetof(hk_options_t, max_memory_mb);
}

bool hk_options_parse(const hk_option_info_t *info, const char *text, int64_t *value) {
  if (may_be_auto(info) && parse_choice("auto", text, value)) {
    *value = HK_MAX_MEMORY_AUTO;
    return true;
  }
  if (info->choices != NULL) return parse_choice(info->choices, text, value);
  char *end = NULL;
  long long number = strtoll(text, &end, 10);
  if (end == text || *end != '\0' || number < info->min || number > info->max) return false;
  *value = number;
  return true;
}

static void set_value(hk_options_t *options, const hk_option_info_t *info, int64_t value) {
  memcpy((char *)options + info->offset, &value, sizeof value);
}

/* false: the variable has a bad value. */
static bool read_option(hk_options_t *options, const hk_option_info_t *info) {
  const char *text = getenv(info->name);
  if (text == NULL || *text == '\0') return true;
  int64_t value;
  if (!hk_options_parse(info, text, &value)) return false;
  set_value(options, info, value);
  return true;
}

static void set_lean_defaults(hk_options_t *options) {
#define LEAN_DEFAULT(field, value) options->field = value;
  HK_LEAN_LIST(LEAN_DEFAULT)
#undef LEAN_DEFAULT
}

static void read_environment(hk_options_t *options) {
  size_t warning_count = 0;
  for (size_t i = 0; i < OPTION_COUNT; i++) set_value(options, &table[i], table[i].default_value);
  /* The profile comes first in the table, because it changes defaults of the others. */
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    if (!read_option(options, &table[i])) warnings[warning_count++] = table[i].name;
    if (i == 0 && options->policy_profile == HK_PROFILE_LEAN) set_lean_defaults(options);
  }
}

const hk_options_t *hk_options_get(void) {
  static hk_options_t options;
  static hk_once_t once;
  if (hk_once_begin(&once)) {
    read_environment(&options);
    hk_once_end(&once);
  }
  return &options;
}

const char *hk_options_warning(size_t i) {
  (void)hk_options_get();
  return i < OPTION_COUNT ? warnings[i] : NULL;
}

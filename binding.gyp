{
  'variables': {
    # node-gyp rebuild --sanitize=address,undefined
    'sanitize%': '',
    'napi_include': '<!(node tools/build/napi-include.mjs)',
  },
  'targets': [
    {
      'target_name': 'hakmem_arena',
      'sources': ['<!@(node tools/build/native-sources.mjs)'],
      'include_dirs': [
        'csrc', 'csrc/include', '<(napi_include)', '<(SHARED_INTERMEDIATE_DIR)',
      ],
      'actions': [
        {
          'action_name': 'identity',
          'inputs': ['tools/build/native-identity.cjs', '<!@(node tools/build/native-identity.cjs)'],
          'outputs': ['<(SHARED_INTERMEDIATE_DIR)/hk_identity.h'],
          'action': ['node', 'tools/build/native-identity.cjs', '<@(_outputs)'],
        },
      ],
      'defines': [
        'NAPI_VERSION=9',
        'NAPI_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        # Calls in a worker that is being terminated fail without an exception.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
        # An error of node-addon-api has a std::string. With its checks, GNU's headers compile what it needs and
        # do not ask libstdc++ for it.
        '_GLIBCXX_ASSERTIONS',
      ],
      'cflags': ['-Wall', '-Wextra', '-Wconversion', '-Wshadow', '-fvisibility=hidden'],
      'cflags_c': ['-std=gnu11', '-Wstrict-prototypes'],
      # As a system header, node-addon-api is not judged by our warnings. Relative to build/.
      'cflags_cc': [
        '-isystem ../<(napi_include)', '-fno-exceptions', '-fno-rtti',
        '-fvisibility-inlines-hidden',
      ],
      'configurations': {
        'Release': {
          'cflags': ['-O3'],
          # With -O3 the error paths that node-addon-api inlines into every call are three times the code.
          'cflags_cc': ['-O2'],
          'defines': ['NDEBUG'],
        },
        'Debug': {
          'defines': ['HK_DEBUG=1'],
        },
      },
      'conditions': [
        ['OS=="linux"', {
          'ldflags': ['-Wl,--as-needed,-z,relro,-z,now,-z,noexecstack'],
          # The binding only: the core's hot calls take a few ns.
          'cflags_cc': ['-fstack-protector-strong'],
          'configurations': {
            'Release': {'cflags': ['-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2']},
          },
        }],
        ['OS=="linux" and target_arch=="x64"', {'cflags': ['-fcf-protection']}],
        ['sanitize!=""', {
          'cflags': ['-fsanitize=<(sanitize)', '-fno-omit-frame-pointer', '-g'],
          'ldflags': ['-fsanitize=<(sanitize)'],
          'xcode_settings': {
            'OTHER_CFLAGS': ['-fsanitize=<(sanitize)', '-fno-omit-frame-pointer'],
            'OTHER_LDFLAGS': ['-fsanitize=<(sanitize)'],
          },
        }],
      ],
      'xcode_settings': {
        'CLANG_CXX_LIBRARY': 'libc++',
        'GCC_C_LANGUAGE_STANDARD': 'gnu11',
        'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
        'GCC_ENABLE_CPP_RTTI': 'NO',
        'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
        'MACOSX_DEPLOYMENT_TARGET': '11.0',
        'WARNING_CFLAGS': ['-Wall', '-Wextra', '-Wconversion'],
      },
      # Clang, which Visual Studio offers: the core uses atomics and typeof as GNU C has them.
      'msbuild_toolset': 'ClangCL',
      'msvs_settings': {
        'VCCLCompilerTool': {
          'ExceptionHandling': '0',
          'RuntimeTypeInfo': 'false',
          'AdditionalOptions': ['/clang:-Wno-unused-command-line-argument'],
        },
      },
    },
  ],
}

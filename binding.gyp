{
  'variables': {
    'napi_include': '<!(node tools/build/napi-include.mjs)',
  },
  'targets': [
    {
      'target_name': 'hakmem_arena',
      'sources': ['<!@(node tools/build/recipe.mjs sources)'],
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
      # Flags are in tools/build/recipe.mjs.
      'defines': ['<!@(node tools/build/recipe.mjs defines)'],
      'cflags': ['<!@(node tools/build/recipe.mjs cflags <(OS) <(target_arch))'],
      'cflags_c': ['<!@(node tools/build/recipe.mjs cflags_c)'],
      # As a system header, node-addon-api is not judged by our warnings. Relative to build/.
      'cflags_cc': [
        '-isystem ../<(napi_include)', '<!@(node tools/build/recipe.mjs cflags_cc <(OS))',
      ],
      'ldflags': ['<!@(node tools/build/recipe.mjs ldflags <(OS))'],
      'configurations': {
        'Release': {
          'cflags': ['<!@(node tools/build/recipe.mjs release_cflags <(OS))'],
          'cflags_cc': ['<!@(node tools/build/recipe.mjs release_cflags_cc)'],
          'defines': ['<!@(node tools/build/recipe.mjs release_defines)'],
        },
        'Debug': {
          'defines': ['HK_DEBUG=1'],
        },
      },
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
